import type { ChildProcess } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer as createTlsServer, type Server } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { hasCamera, startCamera } from '../../../test/rtsp/camera.ts';
import { FakeInlet, FakeLog, guardFor, missing } from '../../../test/rtsp/fake-inlet.ts';
import { makeCertificate } from '../../session/dtls/certificate.ts';
import { type RtspPullOptions, RtspPullSource } from './pull-source.ts';
import { UdpPairs } from './udp-pairs.ts';

const children: ChildProcess[] = [];
const sources: RtspPullSource[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const source of sources.splice(0)) source.close('test over');
  for (const server of servers.splice(0)) server.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function camera(...args: string[]): Promise<{ port: number; child: ChildProcess }> {
  const started = await startCamera(args);
  children.push(started.child);
  return started;
}

function pull(url: string, options: Partial<RtspPullOptions> = {}) {
  const inlet = new FakeInlet('cam1');
  const log = new FakeLog();
  const states: string[] = [];
  const source = new RtspPullSource({
    url,
    transport: 'automatic',
    allows: () => true,
    inlet,
    udpPairs: new UdpPairs(),
    log,
    guard: guardFor(log),
    readTimeoutMs: 5000,
    onState: (state, reason) => {
      states.push(reason === undefined ? state : `${state}: ${reason}`);
      inlet.look();
    },
    ...options,
  });
  sources.push(source);
  source.start();
  return { inlet, log, states, source };
}

/** TLS in front of a camera, as one has it that speaks RTSPS. */
async function secured(cameraPort: number): Promise<{ port: number; fingerprint: string }> {
  const { certPem, keyPem } = await makeCertificate();
  const server = createTlsServer({ cert: certPem, key: keyPem }, (socket) => {
    const camera = connect(cameraPort, '127.0.0.1');
    socket.on('error', () => camera.destroy()).on('close', () => camera.destroy());
    camera.on('error', () => socket.destroy());
    socket.pipe(camera).pipe(socket);
  }).on('tlsClientError', () => undefined);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fingerprint = new X509Certificate(certPem).fingerprint256.replaceAll(':', '').toLowerCase();
  // listen() on a TCP port gives an AddressInfo
  return { port: (server.address() as AddressInfo).port, fingerprint };
}

describe.skipIf(!hasCamera)('a camera that speaks RTSPS', () => {
  test('is pulled when its certificate is the one that is pinned, by TCP alone', async () => {
    const { port, fingerprint } = await secured((await camera()).port);
    const { inlet, log } = pull(`rtsps://127.0.0.1:${port}/cam`, { fingerprint, transport: 'automatic' });
    await inlet.until(() => (inlet.tracks[0]?.packets ?? 0) > 40);
    expect(log.lines).toMatchObject([{ message: 'rtsp source live', fields: { transport: 'tcp' } }]);
  });

  test('is refused otherwise, and its certificate is named so that it can be pinned', async () => {
    const { port, fingerprint } = await secured((await camera()).port);
    const unpinned = pull(`rtsps://127.0.0.1:${port}/cam`);
    const wrong = pull(`rtsps://127.0.0.1:${port}/cam`, { fingerprint: 'ab'.repeat(32) });
    await unpinned.inlet.until(() => unpinned.states.some((state) => state.startsWith('waiting')));
    await wrong.inlet.until(() => wrong.states.some((state) => state.startsWith('waiting')));
    expect(unpinned.states[1]).toContain(`sourceFingerprint: ${fingerprint}`);
    expect(wrong.states[1]).toBe('waiting: the certificate is not the one of sourceFingerprint');
    expect([unpinned.inlet.sources, wrong.inlet.sources]).toEqual([[], []]);
  });
});

describe.skipIf(!hasCamera)('a camera played by GStreamer', () => {
  test('is pulled over TCP with digest, video and audio, and told goodbye', async () => {
    const { port } = await camera('--user', 'cam', '--password', 'p@ss/w:rd', '--audio', 'pcma');
    const { inlet, log, states, source } = pull(`rtsp://cam:p@ss%2Fw:rd@127.0.0.1:${port}/cam`);
    await inlet.until(() => (inlet.tracks[0]?.packets ?? 0) > 40 && (inlet.tracks[1]?.packets ?? 0) > 5);
    expect(inlet.sources[0]?.description.tracks.map(({ codec }) => codec.name)).toEqual(['H264', 'PCMA']);
    expect(inlet.tracks.map(({ sequences }) => missing(sequences))).toEqual([0, 0]);
    inlet.sources[0]?.upstream.sendRtcp(0, Buffer.from([0x80, 0xc9, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01]));
    source.close('stopped');
    expect(inlet.sources[0]?.closed).toBe('stopped');
    expect(states).toEqual(['connecting', 'live', 'closed: stopped']);
    expect(log.lines).toMatchObject([{ message: 'rtsp source live', fields: { path: 'cam1', transport: 'tcp' } }]);
    expect(JSON.stringify(log.lines)).not.toMatch(/p@ss|w:rd/);
  });

  test('is pulled over UDP when it refuses TCP, with Basic', async () => {
    const { port } = await camera('--transport', 'udp', '--user', 'cam', '--password', 'pw', '--auth', 'basic');
    const { inlet, log } = pull(`rtsp://cam:pw@127.0.0.1:${port}/cam`);
    await inlet.until(() => (inlet.tracks[0]?.packets ?? 0) > 40 && (inlet.tracks[0]?.rtcp ?? 0) > 0);
    expect(missing(inlet.tracks[0]?.sequences ?? [])).toBe(0);
    expect(log.lines[0]?.fields['transport']).toBe('udp');
  });

  test('that sends H.265 is pulled, and its AAC skipped', async () => {
    const { port } = await camera('--codec', 'h265', '--audio', 'aac');
    const { inlet } = pull(`rtsp://127.0.0.1:${port}/cam`);
    await inlet.until(() => (inlet.tracks[0]?.packets ?? 0) > 20);
    const description = inlet.sources[0]?.description;
    expect(description?.tracks.map(({ codec }) => codec.name)).toEqual(['H265']);
    expect(description?.offered[1]).toMatchObject({ codec: 'MPEG4-GENERIC', skipped: expect.stringContaining('AAC') });
    expect(description?.tracks[0]?.parameterSets?.map((nal) => (nal[0] ?? 0) >> 1)).toEqual([32, 33, 34]);
  });

  test('with another password is said to be so, once', async () => {
    const { port } = await camera('--user', 'cam', '--password', 'pw');
    const { inlet, log, states } = pull(`rtsp://cam:wr0ng@127.0.0.1:${port}/cam`);
    await inlet.until(() => states.filter((state) => state.startsWith('waiting')).length === 2);
    expect(states[1]).toBe('waiting: user or password is wrong');
    expect(log.lines).toHaveLength(1);
    expect(JSON.stringify(log.lines)).not.toContain('wr0ng');
    expect(inlet.sources).toEqual([]);
  });

  test('that goes away and comes back is played again', async () => {
    const first = await camera();
    const { inlet, states } = pull(`rtsp://127.0.0.1:${first.port}/cam`);
    await inlet.until(() => (inlet.tracks[0]?.packets ?? 0) > 10);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await inlet.until(() => inlet.sources[0]?.closed !== undefined);
    await camera('--port', String(first.port));
    await inlet.until(() => inlet.sources.length === 2 && (inlet.tracks[0]?.packets ?? 0) > 10);
    expect(states.at(-1)).toBe('live');
  });
});
