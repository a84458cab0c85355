import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  Browser,
  connectionsMade,
  type InboundVideo,
  inboundVideo,
  movingPicture,
  NOTICEABLE_FREEZE_SECONDS,
} from './support/chromium.ts';
import { FfmpegPublisher } from './support/ffmpeg.ts';
import { Seeded } from './support/random.ts';
import { RawTcp } from './support/raw-tcp.ts';
import { TestServer, until } from './support/server.ts';

const SDP = { 'Content-Type': 'application/sdp' };

let server: TestServer;
let browser: Browser;
let camera: FfmpegPublisher;
let page: Page;
let before: InboundVideo;
let slow: RawTcp[] = [];
let drip: NodeJS.Timeout | undefined;

beforeAll(async () => {
  server = await TestServer.start({
    flags: { workers: '2', logLevel: 'debug', 'paths.watched.overridePublisher': 'off' },
  });
  browser = await Browser.launch();
  camera = new FfmpegPublisher(`${server.rtsp}/watched`);
  await server.online('watched');
  page = await browser.open(`${server.web}/watched`);
  await movingPicture(page);
  // They are as slow as can be while everything else happens, and are looked at last.
  slow = await Promise.all(Array.from({ length: 40 }, (_, index) => RawTcp.open(index % 2 ? server.web : server.rtsp)));
  slow.forEach((client, index) => {
    client.write(
      index % 2 ? 'POST /watched/whep HTTP/1.1\r\nHost: x\r\nX-Slow: ' : 'OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq',
    );
  });
  drip = setInterval(() => {
    for (const client of slow) client.write('a');
  }, 500);
});
afterAll(async () => {
  clearInterval(drip);
  for (const client of slow) client.close();
  await page?.close();
  await browser?.close();
  await camera?.stop();
  await server?.stop();
});

beforeEach(async () => {
  const stats = await inboundVideo(page);
  if (stats === undefined) throw new Error('the viewer has no picture');
  before = stats;
});

/** Whatever was thrown at the server: its viewer saw nothing of it. */
afterEach(async () => {
  const after = await movingPicture(page, before.framesDecoded + 25);
  expect(after.packetsLost).toBe(0);
  expect(after.freezeSeconds - before.freezeSeconds).toBeLessThan(NOTICEABLE_FREEZE_SECONDS);
  expect(await connectionsMade(page)).toBe(1);
  expect((await server.workers()).map(({ state, restarts }) => ({ state, restarts }))).toEqual([
    { state: 'up', restarts: 0 },
    { state: 'up', restarts: 0 },
  ]);
  expect(server.logLines().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});

function post(path: string, body: BodyInit, headers: Record<string, string> = SDP): Promise<Response> {
  return fetch(`${server.web}${path}`, { method: 'POST', headers, body });
}

/** What the page itself offered, and the credentials that both sides have. */
function negotiated(): Promise<{ offer: string; local: string; remote: string }> {
  return page.evaluate(() => {
    const peer = (window as unknown as { testConnections: RTCPeerConnection[] }).testConnections.at(-1);
    const ufrag = (sdp: string) => /a=ice-ufrag:(\S+)/.exec(sdp)?.[1] ?? '';
    const offer = peer?.localDescription?.sdp ?? '';
    return { offer, local: ufrag(offer), remote: ufrag(peer?.remoteDescription?.sdp ?? '') };
  });
}

test('garbage and forgeries on the media ports are counted and dropped', async () => {
  const random = new Seeded(8189);
  const { local, remote } = await negotiated();
  const ports = (await server.workers()).map(({ udpPort }) => udpPort);
  const counts = async () => {
    const metrics = await server.metrics();
    const stun = (reason: string) => metrics.sum('shardcast_stun_rejected_total', { reason });
    return {
      malformed: stun('malformed'),
      'unknown-ufrag': stun('unknown-ufrag'),
      forged: stun('integrity') + stun('rate'),
      strangers: metrics.sum('shardcast_packets_dropped_total', { reason: 'unknown-source' }),
    };
  };
  const first = await counts();
  const socket = createSocket('udp4');
  const send = (datagram: Buffer) =>
    Promise.all(
      ports.map((port) => new Promise<void>((resolve) => socket.send(datagram, port, '127.0.0.1', () => resolve()))),
    );
  for (let round = 0; round < 1000; round++) {
    await send(random.bytes(random.below(1400)));
    await send(bindingRequest(`${remote}:${local}`, `guess ${round}`, random));
    await send(bindingRequest(`nobody:${local}`, 'guess', random));
    await send(Buffer.concat([Buffer.from([0, 1]), random.bytes(18 + random.below(60))])); // almost STUN
    await send(Buffer.concat([Buffer.from([22, 254, 253]), random.bytes(100)])); // DTLS of a stranger
    await send(Buffer.concat([Buffer.from([0x80, 102]), random.bytes(200)])); // SRTP of a stranger
    await send(Buffer.concat([Buffer.from([0x80, 206]), random.bytes(40)])); // SRTCP of a stranger
  }
  socket.close();
  const last = await counts();
  for (const reason of ['malformed', 'unknown-ufrag', 'forged', 'strangers'] as const) {
    expect(last[reason] - first[reason], reason).toBeGreaterThan(500);
  }
  await onlyTheViewer();
});

test('bodies that are no offer get the status that says why', async () => {
  const { offer } = await negotiated();
  const huge = `${offer}${'a=x\r\n'.repeat(20_000)}`;
  const cases: [status: number, what: string, response: Promise<Response>][] = [
    [400, 'empty', post('/watched/whep', '')],
    [400, 'a greeting', post('/watched/whep', 'hello')],
    [400, 'cut off', post('/watched/whep', offer.slice(0, 100))],
    [400, 'no fingerprint', post('/watched/whep', offer.replaceAll(/a=fingerprint:.*\r\n/g, ''))],
    [
      422,
      'no codec in common',
      post('/watched/whep', offer.replaceAll(/H264/g, 'H999').replaceAll(/VP\d|AV1|H265/g, 'X')),
    ],
    [413, 'too large', post('/watched/whep', huge)],
    [415, 'JSON', post('/watched/whep', '{}', { 'Content-Type': 'application/json' })],
    [415, 'compressed', post('/watched/whep', offer, { ...SDP, 'Content-Encoding': 'gzip' })],
    [404, 'a path that nobody publishes', post('/nobody/whep', offer)],
    [400, 'a path that is none', post('/%00/whep', offer)],
    [409, 'publishing where somebody does', post('/watched/whip', offer.replaceAll('a=recvonly', 'a=sendonly'))],
    [404, 'an unknown session', fetch(`${server.web}/watched/whep/no-such-session`, { method: 'DELETE' })],
    [405, 'PUT', fetch(`${server.web}/watched/whep`, { method: 'PUT', headers: SDP, body: offer })],
  ];
  for (const [status, what, pending] of cases) {
    const response = await pending;
    expect([response.status, what]).toEqual([status, what]);
    const problem: unknown = await response.json();
    expect(response.headers.get('Content-Type'), what).toContain('application/problem+json');
    expect(problem, what).toMatchObject({ status, code: expect.stringMatching(/^[A-Z_]+$/) });
  }
});

test('mutated offers are refused or answered, and nothing of them stays', async () => {
  const random = new Seeded(4711);
  const { offer } = await negotiated();
  const statuses = new Map<number, number>();
  for (let round = 0; round < 150; round++) {
    const lines = offer.split('\r\n');
    for (let edits = random.below(5); edits >= 0; edits--) {
      const at = random.below(lines.length);
      const kind = random.below(4);
      if (kind === 0) lines.splice(at, 1 + random.below(20));
      else if (kind === 1) lines.splice(at, 0, lines[random.below(lines.length)] ?? '');
      else if (kind === 2) lines[at] = (lines[at] ?? '').slice(0, random.below(20));
      else lines[at] = (lines[at] ?? '').replaceAll(/\d/g, () => String(random.below(10)));
      if (lines.length === 0) lines.push('');
    }
    const response = await post('/watched/whep', lines.join('\r\n'));
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    const location = response.headers.get('Location');
    if (location !== null) await fetch(`${server.web}${location}`, { method: 'DELETE' });
    await response.text();
  }
  expect([...statuses.keys()].filter((status) => ![201, 400, 422].includes(status))).toEqual([]);
  expect(statuses.size).toBeGreaterThan(1);
  await onlyTheViewer();
});

test('what is no RTSP is answered with an error and hung up on', async () => {
  const random = new Seeded(554);
  const openings: [what: string, bytes: Buffer | string, status: RegExp][] = [
    ['noise', Buffer.concat([random.bytes(400), Buffer.from('\r\n\r\n')]), /^RTSP\/1\.0 400/],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', /^RTSP\/1\.0 (400|505)/],
    ['an endless line', 'A'.repeat(100_000), /^RTSP\/1\.0 4/],
    ['endless headers', `OPTIONS rtsp://x/ RTSP/1.0\r\n${'X: y\r\n'.repeat(20_000)}`, /^RTSP\/1\.0 4/],
    ['an endless body', 'ANNOUNCE rtsp://x/y RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999\r\n\r\n', /^RTSP\/1\.0 4/],
    ['a bad path', 'ANNOUNCE rtsp://x/../y RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 0\r\n\r\n', /^RTSP\/1\.0 4/],
    ['no SDP', 'ANNOUNCE rtsp://x/bad-sdp RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nhello', /^RTSP\/1\.0 4/],
    [
      'a taken path',
      'ANNOUNCE rtsp://x/watched RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nhello',
      /^RTSP\/1\.0 4/,
    ],
  ];
  for (const [what, bytes, status] of openings) {
    const client = await RawTcp.open(server.rtsp);
    client.write(bytes);
    await until(
      () => client.isClosed,
      5_000,
      () => `${what}: the connection stays open, heard ${client.heard.slice(0, 100)}`,
    );
    expect(client.heard, what).toMatch(status);
  }
});

test('a publisher of malformed RTP is a source of counted drops and of nothing else', async () => {
  const random = new Seeded(1889);
  const url = `${server.rtsp}/broken`;
  const client = await RawTcp.open(url);
  const sdp = 'v=0\r\ns=-\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:a\r\n';
  expect(await client.ask('ANNOUNCE', url, [], sdp)).toBe(200);
  expect(await client.ask('SETUP', `${url}/a`, ['Transport: RTP/AVP/TCP;interleaved=0-1;mode=record'])).toBe(200);
  expect(await client.ask('RECORD', url)).toBe(200);
  const dropped = async () => (await server.metrics()).sum('shardcast_packets_dropped_total', { reason: 'malformed' });
  const first = await dropped();
  const frame = (channel: number, packet: Buffer) => {
    const head = Buffer.from([0x24, channel, 0, 0]);
    head.writeUInt16BE(packet.length, 2);
    return Buffer.concat([head, packet]);
  };
  let sequence = 0;
  for (let round = 0; round < 600; round++) {
    const header = Buffer.from([0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34]);
    header.writeUInt16BE(sequence++ & 0xffff, 2);
    header.writeUInt32BE(round * 3600, 4);
    if (round % 3 === 0) header[0] = [0x00, 0x8f, 0x90, 0xa0][random.below(4)] ?? 0; // version, CSRCs, extension, padding
    client.write(
      frame(
        0,
        round % 5 === 0 ? random.bytes(random.below(12)) : Buffer.concat([header, random.bytes(random.below(60))]),
      ),
    );
    // Whatever an H.264 payload may claim to be: STAP-A with wild sizes, FU-A without a start.
    for (const type of [0, 1, 5, 7, 8, 24, 25, 28, 29, 31]) {
      header[0] = 0x80;
      header.writeUInt16BE(sequence++ & 0xffff, 2);
      client.write(frame(0, Buffer.concat([header, Buffer.from([0x60 | type]), random.bytes(random.below(40))])));
    }
    client.write(frame(1, random.bytes(random.below(60))));
  }
  await until(
    async () => (await dropped()) - first > 200,
    5_000,
    () => 'the malformed packets are not counted',
  );
  expect((await server.path('broken'))?.online).toBe(true);
  expect(await client.ask('TEARDOWN', url)).toBe(200);
  client.close();
});

test('clients that never finish their headers are cut off', async () => {
  await until(
    () => slow.every(({ isClosed }) => isClosed),
    20_000,
    () => `${slow.filter(({ isClosed }) => !isClosed).length} of ${slow.length} are still connected`,
  );
  for (const [index, { heard }] of slow.entries()) {
    expect(heard).toMatch(index % 2 ? /^HTTP\/1\.1 408/ : /^RTSP\/1\.0 408/);
  }
});

/** Sessions are sampled each second. */
function onlyTheViewer(): Promise<void> {
  return until(
    async () => (await server.metrics()).sum('shardcast_worker_sessions') === 1,
    5_000,
    () => 'sessions are left over',
  );
}

/** A well-formed binding request (RFC 8489 §5) with MESSAGE-INTEGRITY by a password of one's choice. */
function bindingRequest(username: string, password: string, random: Seeded): Buffer {
  const padding = (4 - (username.length % 4)) % 4;
  const head = Buffer.alloc(20);
  head.writeUInt16BE(0x0001, 0);
  head.writeUInt32BE(0x2112_a442, 4);
  random.bytes(12).copy(head, 8);
  const name = Buffer.alloc(4 + username.length + padding);
  name.writeUInt16BE(0x0006, 0);
  name.writeUInt16BE(username.length, 2);
  name.write(username, 4);
  const signed = Buffer.concat([head, name]);
  signed.writeUInt16BE(name.length + 24, 2);
  const integrity = Buffer.alloc(24);
  integrity.writeUInt16BE(0x0008, 0);
  integrity.writeUInt16BE(20, 2);
  createHmac('sha1', password).update(signed).digest().copy(integrity, 4);
  return Buffer.concat([signed, integrity]);
}
