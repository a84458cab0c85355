import { createSocket } from 'node:dgram';
import { headerOf, type RtspResponse, ShardcastError } from '@shardcast/shared';
import { expect, test } from 'vitest';
import { FakeConnection, FakeSchedule, rtpFrame } from '../../../test/rtsp/fake-connection.ts';
import { FakeInlet, FakeLog, guardFor } from '../../../test/rtsp/fake-inlet.ts';
import { adoptRtspPublisher, type RtspPublisherOptions } from './publisher.ts';
import { UdpPairs } from './udp-pairs.ts';

const SDP = [
  ...['v=0', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=control:streamid=0'],
  ...['m=audio 0 RTP/AVP 97', 'a=rtpmap:97 MPEG4-GENERIC/44100/2', 'a=control:streamid=1'],
  ...['m=audio 0 RTP/AVP 8', 'a=control:streamid=2', ''],
].join('\r\n');
const URI = 'rtsp://server/cam';

class Publisher {
  readonly connection = new FakeConnection();
  readonly inlet = new FakeInlet('cam');
  readonly udpPairs;
  readonly log = new FakeLog();
  readonly timers = new FakeSchedule();
  readonly closed: string[] = [];
  readonly handle;
  #sequence = 0;
  constructor(options: Partial<RtspPublisherOptions> = {}) {
    this.udpPairs = options.udpPairs ?? new UdpPairs();
    this.handle = adoptRtspPublisher({
      connection: this.connection,
      inlet: this.inlet,
      udpPairs: this.udpPairs,
      session: 'abc',
      log: this.log,
      guard: guardFor(this.log),
      readTimeoutMs: 10_000,
      onClose: (reason) => this.closed.push(reason),
      schedule: this.timers.schedule,
      ...options,
    });
  }
  send(method: string, uri = URI, headers: string[] = [], body = ''): void {
    const length = body === '' ? [] : [`Content-Length: ${body.length}`];
    const lines = [`${method} ${uri} RTSP/1.0`, `CSeq: ${++this.#sequence}`, ...headers, ...length, '', body];
    this.connection.arrive(lines.join('\r\n'));
  }
  /** The answer to a request that is answered at once. */
  ask(method: string, uri = URI, headers: string[] = [], body = ''): RtspResponse {
    this.send(method, uri, headers, body);
    const answer = this.connection.messages.at(-1);
    if (answer?.kind !== 'response' || headerOf(answer, 'cseq') !== String(this.#sequence))
      throw new Error('no answer');
    return answer;
  }
  announce(sdp = SDP): RtspResponse {
    return this.ask('ANNOUNCE', URI, ['Content-Type: application/sdp'], sdp);
  }
  setup(stream: number, transport = `RTP/AVP/TCP;unicast;interleaved=${2 * stream}-${2 * stream + 1};mode=record`) {
    return this.ask('SETUP', `${URI}/streamid=${stream}`, [`Transport: ${transport}`]);
  }
  record(): void {
    this.announce();
    for (const stream of [0, 1, 2]) this.setup(stream);
    this.ask('RECORD');
  }
}

test('packets of each channel reach their track, and those of skipped tracks none', () => {
  const publisher = new Publisher();
  expect(publisher.announce().status).toBe(200);
  const setup = publisher.setup(0);
  expect(headerOf(setup, 'transport')).toContain('interleaved=0-1');
  expect(headerOf(setup, 'session')).toBe('abc;timeout=60');
  expect([publisher.setup(1).status, publisher.setup(2).status]).toEqual([200, 200]);
  publisher.connection.arrive(rtpFrame(0, 1));
  expect(publisher.inlet.sources).toEqual([]);
  expect(publisher.ask('RECORD').status).toBe(200);
  const { inlet, connection } = publisher;
  connection.arrive(rtpFrame(0, 2), rtpFrame(2, 9, 97), rtpFrame(4, 3, 8), rtpFrame(1, 0), rtpFrame(77, 0));
  expect(inlet.tracks.map(({ sequences, rtcp }) => ({ sequences, rtcp }))).toEqual([
    { sequences: [2], rtcp: 1 },
    { sequences: [3], rtcp: 0 },
  ]);
  inlet.sources[0]?.upstream.sendRtcp(1, Buffer.from('abcd'));
  expect(connection.frames.map(String)).toEqual(['$\x05\0\x04abcd']);
});

test('channels that are asked for twice, or not at all, are given freely', () => {
  const publisher = new Publisher();
  publisher.announce();
  const channels = [0, 1, 2].map((stream) =>
    headerOf(publisher.setup(stream, 'RTP/AVP/TCP;interleaved=2-3'), 'transport'),
  );
  expect(channels.map((text) => /interleaved=(\S+?);/.exec(text ?? '')?.[1])).toEqual(['2-3', '0-1', '4-5']);
});

test('TEARDOWN ends the source and the connection', () => {
  const publisher = new Publisher();
  publisher.record();
  expect(publisher.ask('TEARDOWN').status).toBe(200);
  expect(publisher.inlet.sources[0]?.closed).toBe('the publisher ended the stream');
  expect(publisher.connection.isClosed).toBe(true);
  expect(publisher.closed).toHaveLength(1);
  expect(publisher.timers.pending).toBe(0);
});

test('a lost connection ends the source', () => {
  const publisher = new Publisher();
  publisher.record();
  publisher.connection.lose('connection reset');
  expect(publisher.inlet.sources[0]?.closed).toBe('connection reset');
  expect(publisher.closed).toEqual(['connection reset']);
});

test('a stream that takes over closes the connection, and its sink is not called back', () => {
  const publisher = new Publisher();
  publisher.record();
  publisher.inlet.sources[0]?.upstream.close('taken over');
  expect(publisher.connection.isClosed).toBe(true);
  expect(publisher.inlet.sources[0]?.closed).toBeUndefined();
  expect(publisher.closed).toEqual(['taken over']);
  publisher.handle.close('again');
  expect(publisher.closed).toHaveLength(1);
});

test('the watchdog looks at media, not at the connection', () => {
  const publisher = new Publisher();
  publisher.record();
  for (let second = 0; second < 60; second++) {
    publisher.timers.advance(1000);
    publisher.connection.arrive(rtpFrame(0, second));
  }
  expect(publisher.closed).toEqual([]);
  for (let second = 0; second < 13; second++) {
    publisher.timers.advance(1000);
    if (!publisher.connection.isClosed)
      publisher.connection.arrive(rtpFrame(1, 0), 'OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n');
  }
  expect(publisher.closed).toEqual(['no media for 10 s']);
});

test('a paused publisher drops its packets, and stays as long as it asks', () => {
  const publisher = new Publisher();
  publisher.record();
  expect(publisher.ask('PAUSE').status).toBe(200);
  publisher.connection.arrive(rtpFrame(0, 1));
  expect(publisher.inlet.tracks[0]?.packets).toBe(0);
  for (let minute = 0; minute < 5; minute++) {
    publisher.timers.advance(50_000);
    expect(publisher.ask('GET_PARAMETER').status).toBe(200);
  }
  publisher.ask('RECORD');
  publisher.connection.arrive(rtpFrame(0, 2));
  expect(publisher.inlet.tracks[0]?.sequences).toEqual([2]);
  publisher.ask('PAUSE');
  publisher.timers.advance(65_000);
  expect(publisher.closed).toEqual(['no media for 60 s']);
});

test('a bug in what is done with its packets ends the publisher, and nothing else', () => {
  const publisher = new Publisher();
  publisher.record();
  publisher.inlet.bug = new TypeError('planted');
  publisher.connection.arrive(rtpFrame(0, 1));
  expect(publisher.closed).toEqual(['an internal error']);
  expect(publisher.inlet.sources[0]?.closed).toBe('an internal error');
  expect(publisher.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
});

test('a bug in what is done with its UDP packets ends the publisher, too', async () => {
  const publisher = new Publisher();
  publisher.announce();
  publisher.send('SETUP', `${URI}/streamid=0`, ['Transport: RTP/AVP;unicast;client_port=5000-5001']);
  publisher.send('RECORD');
  await publisher.inlet.until(() => publisher.inlet.sources.length === 1);
  publisher.inlet.bug = new TypeError('planted');
  const setup = publisher.connection.messages.find(
    (message) => message.kind === 'response' && headerOf(message, 'transport') !== undefined,
  );
  const port = /server_port=(\d+)/.exec((setup && headerOf(setup, 'transport')) ?? '')?.[1];
  const socket = createSocket('udp4');
  socket.send(rtpFrame(0, 1).subarray(4), Number(port), '127.0.0.1');
  await publisher.inlet.until(() => publisher.inlet.sources[0]?.closed !== undefined);
  socket.close();
  expect(publisher.closed).toEqual(['an internal error']);
  expect(publisher.udpPairs.used).toBe(0);
});

test('who never comes to record is closed', () => {
  const publisher = new Publisher();
  publisher.announce();
  publisher.timers.advance(10_000);
  expect(publisher.closed).toEqual(['no RECORD in time']);
});

test('a stream that refuses is answered with its code and reason', () => {
  const publisher = new Publisher();
  publisher.inlet.refusal = new ShardcastError('PUBLISHER_EXISTS', 'someone is already publishing');
  publisher.announce();
  publisher.setup(0);
  expect(publisher.ask('RECORD')).toMatchObject({ status: 455, reason: 'someone is already publishing' });
});

test.for([
  ['a path that was not authorised', 'ANNOUNCE', 'rtsp://server/other', [], SDP, 403],
  ['another content type', 'ANNOUNCE', URI, ['Content-Type: text/plain'], SDP, 415],
  ['a body that is not SDP', 'ANNOUNCE', URI, [], 'hello', 400],
  ['an SDP without a usable track', 'ANNOUNCE', URI, [], 'v=0\r\nm=video 0 RTP/AVP 26\r\n', 415],
  ['an unknown method', 'FROBNICATE', URI, [], '', 501],
  ['DESCRIBE', 'DESCRIBE', URI, [], '', 455],
  ['another session', 'OPTIONS', URI, ['Session: other'], '', 454],
  ['SETUP before ANNOUNCE', 'SETUP', URI, [], '', 455],
] as const)('%s is refused', ([, method, uri, headers, body, status]) => {
  const publisher = new Publisher();
  expect(publisher.ask(method, uri, [...headers], body).status).toBe(status);
  expect(publisher.connection.isClosed).toBe(true);
});

test.for([
  ['another version of RTSP', 'OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n', 505],
  ['no CSeq', 'OPTIONS * RTSP/1.0\r\n\r\n', 400],
  ['HTTP', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['TLS', Buffer.from([0x16, 0x03, 0x01, 0x00, 0xa5]), 400],
] as const)('%s is refused and closed', ([, bytes, status]) => {
  const publisher = new Publisher();
  publisher.connection.arrive(bytes);
  expect(publisher.connection.messages).toMatchObject([{ status }]);
  expect(publisher.closed).toHaveLength(1);
});

test('what is asked out of turn is refused, and can be done right afterwards', () => {
  const publisher = new Publisher();
  publisher.announce();
  expect(publisher.announce().status).toBe(455);
  expect(publisher.ask('RECORD').status).toBe(455);
  expect(publisher.ask('PAUSE').status).toBe(455);
  expect(publisher.ask('SETUP', `${URI}/streamid=7`, ['Transport: RTP/AVP/TCP']).status).toBe(404);
  expect(publisher.setup(0, 'RTP/AVP;multicast').status).toBe(461);
  expect(publisher.setup(0, 'RTP/SAVP/TCP;interleaved=0-1').status).toBe(461);
  expect(publisher.setup(0, 'RTP/AVP/TCP;interleaved=0-1;mode=play').status).toBe(461);
  expect(publisher.setup(0).status).toBe(200);
  expect(publisher.setup(0).status).toBe(455);
  expect(publisher.ask('RECORD').status).toBe(200);
});

test('only transports that are allowed can be had', () => {
  const publisher = new Publisher({ transports: ['tcp'] });
  publisher.announce();
  expect(publisher.setup(0, 'RTP/AVP;unicast;client_port=5000-5001').status).toBe(461);
  const answer = publisher.setup(0, 'RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast');
  expect(headerOf(answer, 'transport')).toContain('interleaved=0-1');
});

/** ffmpeg, for one, sets up all that it announced. */
test('all skipped tracks together take one pair of UDP ports, and none over TCP', async () => {
  const skipped = Array.from(
    { length: 6 },
    (_, n) => `m=application 0 RTP/AVP ${100 + n}\r\na=control:streamid=${n + 2}`,
  );
  const sdp = ['v=0', 'm=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=control:streamid=0', ...skipped, ''].join(
    '\r\n',
  );
  const udp = new Publisher();
  udp.announce(sdp);
  const before = udp.connection.messages.length;
  const setUp = (publisher: Publisher, stream: number) =>
    publisher.send('SETUP', `${URI}/streamid=${stream}`, ['Transport: RTP/AVP;unicast;client_port=5000-5001']);
  for (const stream of [0, 2, 3, 4, 5, 6, 7]) setUp(udp, stream);
  udp.send('RECORD');
  await udp.inlet.until(() => udp.inlet.sources.length === 1);
  expect(udp.connection.messages.slice(before)).toMatchObject(Array(8).fill({ status: 200 }));
  expect(udp.udpPairs.used).toBe(2);
  udp.handle.close('over');
  expect(udp.udpPairs.used).toBe(0);

  const tcp = new Publisher();
  tcp.announce(sdp);
  expect([0, 2, 3, 4, 5, 6, 7].map((stream) => tcp.setup(stream).status)).toEqual(Array(7).fill(200));
  expect(tcp.udpPairs.used).toBe(0);
});

test('a publisher for whom no UDP ports are left is told so, and may ask for TCP', async () => {
  const publisher = new Publisher({ udpPairs: new UdpPairs(0) });
  publisher.announce();
  const answer = new Promise<unknown>((resolve) => {
    publisher.connection.onMessage = resolve;
  });
  publisher.send('SETUP', `${URI}/streamid=0`, ['Transport: RTP/AVP;unicast;client_port=5000-5001']);
  expect(await answer).toMatchObject({ status: 453, reason: 'No UDP ports are free' });
  expect(publisher.setup(0).status).toBe(200);
});

test('an announcement of more than eight tracks is refused', () => {
  const publisher = new Publisher();
  const media = (count: number) => `v=0\r\n${'m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n'.repeat(count)}`;
  expect(publisher.announce(media(9))).toMatchObject({ status: 400, reason: 'More than 8 tracks' });
  expect(publisher.connection.isClosed).toBe(true);
  expect(new Publisher().announce(media(8)).status).toBe(200);
});

test('requests that wait for UDP ports are answered in order, and are not without number', async () => {
  const publisher = new Publisher();
  publisher.announce();
  const before = publisher.connection.messages.length;
  publisher.send('SETUP', `${URI}/streamid=0`, ['Transport: RTP/AVP;unicast;client_port=5000-5001']);
  publisher.send('RECORD');
  expect(publisher.connection.messages).toHaveLength(before);
  await publisher.inlet.until(() => publisher.inlet.sources.length === 1);
  const [setup, record] = publisher.connection.messages.slice(before);
  expect(record).toMatchObject({ status: 200 });
  expect(setup === undefined ? '' : headerOf(setup, 'transport')).toMatch(
    /client_port=5000-5001;server_port=\d*[02468]-/,
  );
  publisher.handle.close('over');

  const flood = new Publisher();
  flood.announce();
  flood.send('SETUP', `${URI}/streamid=0`, ['Transport: RTP/AVP;unicast;client_port=5000-5001']);
  for (let request = 0; request < 20; request++) flood.send('OPTIONS');
  expect(flood.closed).toEqual(['too many requests at once']);
});
