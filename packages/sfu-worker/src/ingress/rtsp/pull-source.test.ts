import { headerOf, ShardcastError } from '@shardcast/shared';
import { describe, expect, test } from 'vitest';
import { type Answer, FakeCamera, type Script, usual } from '../../../test/rtsp/fake-camera.ts';
import { FakeConnection, FakeSchedule, rtpFrame } from '../../../test/rtsp/fake-connection.ts';
import { FakeInlet, FakeLog, guardFor } from '../../../test/rtsp/fake-inlet.ts';
import { type RtspPullOptions, RtspPullSource } from './pull-source.ts';
import { UdpPairs } from './udp-pairs.ts';

function start(script: Script = {}, options: Partial<RtspPullOptions> = {}) {
  const timers = new FakeSchedule();
  const inlet = new FakeInlet('cam1');
  const log = new FakeLog();
  const states: string[] = [];
  const cameras: FakeCamera[] = [];
  const camera = (): FakeCamera => {
    const last = cameras.at(-1);
    if (last === undefined) throw new Error('nobody was dialled');
    return last;
  };
  const source = new RtspPullSource({
    url: 'rtsp://admin:s3cret@192.0.2.1/cam?x=1',
    transport: 'automatic',
    inlet,
    udpPairs: new UdpPairs(),
    log,
    guard: guardFor(log),
    readTimeoutMs: 10_000,
    schedule: timers.schedule,
    random: () => 0.5,
    allows: () => true,
    dial: ({ host, port }, onConnect) => {
      expect([host, port]).toEqual(['192.0.2.1', 554]);
      const dialled = new FakeCamera(script);
      cameras.push(dialled);
      queueMicrotask(onConnect);
      return dialled;
    },
    onState: (state, reason) => {
      states.push(reason === undefined ? state : `${state}: ${reason}`);
      expect(timers.pending).toBeLessThanOrEqual(1);
      queueMicrotask(() => inlet.look());
    },
    ...options,
  });
  source.start();
  const until = (state: string) => inlet.until(() => states.at(-1)?.startsWith(state) === true);
  return { source, timers, inlet, log, states, cameras, camera, until };
}

/** A source that cannot even connect. */
const dead = (reason: string): Partial<RtspPullOptions> => ({
  dial: () => {
    const connection = new FakeConnection();
    queueMicrotask(() => connection.lose(reason));
    return connection;
  },
});

/** Lets promises go on that wait for nothing but each other. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test('a camera is asked to play its usable tracks, under its own URLs', async () => {
  const { camera, inlet, until } = start();
  await until('live');
  expect(camera().requests.map(({ method, uri }) => `${method} ${uri}`)).toEqual([
    'OPTIONS rtsp://192.0.2.1/cam?x=1',
    'DESCRIBE rtsp://192.0.2.1/cam?x=1',
    'SETUP rtsp://10.0.0.9/cam/trackID=1',
    'SETUP rtsp://10.0.0.9/cam/trackID=3',
    'PLAY rtsp://10.0.0.9/cam/',
  ]);
  expect(camera().requests.map((request) => headerOf(request, 'session'))).toEqual([
    ...[undefined, undefined, undefined],
    ...['12345', '12345'],
  ]);
  const [source] = inlet.sources;
  expect(source?.description.type).toBe('rtsp-pull');
  expect(source?.description.tracks.map(({ codec }) => codec.name)).toEqual(['H264', 'PCMU']);
  expect(source?.description.offered.map(({ skipped }) => skipped)).toEqual([
    undefined,
    'ONVIF metadata is not media',
    undefined,
  ]);
  camera().arrive(rtpFrame(0, 1), rtpFrame(2, 2), rtpFrame(1, 0));
  expect(inlet.tracks.map(({ sequences, rtcp }) => [sequences, rtcp])).toEqual([
    [[1], 1],
    [[2], 0],
  ]);
  source?.upstream.sendRtcp(1, Buffer.from('abcd'));
  expect(camera().frames.map(String)).toEqual(['$\x03\0\x04abcd']);
});

test('a camera whose packets show a bug is dialled again, as one that was lost', async () => {
  const { camera, inlet, timers, states, cameras, until } = start();
  await until('live');
  inlet.bug = new TypeError('planted');
  camera().arrive(rtpFrame(0, 1));
  expect(states.at(-1)).toBe('waiting: an internal error');
  expect(inlet.sources[0]?.closed).toBe('an internal error');
  inlet.bug = undefined;
  timers.advance(10_000);
  await until('live');
  expect(cameras).toHaveLength(2);
});

test('the channels that the camera chooses are used', async () => {
  const { camera, inlet, until } = start({
    on: ({ method }) =>
      method === 'SETUP' ? { status: 200, headers: [['transport', 'RTP/AVP/TCP;interleaved=10-11']] } : undefined,
  });
  await until('live');
  camera().arrive(rtpFrame(10, 5));
  expect(inlet.tracks[1]?.sequences).toEqual([5]); // both tracks got the same: the later one counts
});

test.for([
  ['SHA-256 and MD5', {}],
  ['MD5', { algorithms: ['MD5'], basic: false }],
  ['Basic', { algorithms: [] }],
] as const)('credentials are given by %s, and are in no URI and no log line', async ([, auth]) => {
  const { camera, log, until } = start({ auth, password: 's3cret' });
  await until('live');
  expect(camera().methods).toBe('OPTIONS OPTIONS DESCRIBE SETUP SETUP PLAY');
  expect(JSON.stringify([camera().requests, log.lines])).not.toMatch(/s3cret|admin:/);
});

test('a wrong password is given once a connection, and said once', async () => {
  const { cameras, log, timers, until } = start({ auth: {}, password: 'other' });
  await until('waiting: user or password is wrong');
  expect(cameras[0]?.methods).toBe('OPTIONS OPTIONS');
  timers.advance(600);
  await until('waiting');
  expect(cameras).toHaveLength(2);
  expect(log.lines.map(({ message, fields }) => [message, fields['reason']])).toEqual([
    ['rtsp source unavailable', 'user or password is wrong'],
  ]);
});

test('a nonce that runs out is replaced', async () => {
  let describes = 0;
  const stale: Answer = {
    status: 401,
    headers: [['www-authenticate', 'Digest realm="shardcast", nonce="new", stale=true']],
  };
  const { until } = start({ on: ({ method }) => (method === 'DESCRIBE' && ++describes === 1 ? stale : undefined) });
  await until('live');
  expect(describes).toBe(2);
});

test('media in the same read as the answer to PLAY, and before it, is not lost', async () => {
  const same = start({
    on: ({ method }) =>
      method === 'PLAY' ? { status: 200, more: Buffer.concat([rtpFrame(0, 1), rtpFrame(0, 2)]) } : undefined,
  });
  await same.until('live');
  expect(same.inlet.tracks[0]?.sequences).toEqual([1, 2]);

  const before = start({ on: ({ method }) => (method === 'PLAY' ? 'silence' : undefined) });
  await settle();
  await before.inlet.until(() => before.camera().methods.endsWith('PLAY'));
  before.camera().arrive(rtpFrame(0, 7));
  expect(before.states.at(-1)).toBe('live');
  expect(before.inlet.tracks[0]?.sequences).toEqual([7]);
});

describe('keep-alive', () => {
  test.for([
    ['GET_PARAMETER', 'OPTIONS, GET_PARAMETER'],
    ['OPTIONS', 'OPTIONS, DESCRIBE'],
  ] as const)('is %s every half of the time-out where the camera says %s', async ([method, offered]) => {
    const { camera, timers, until } = start({
      on: (request) => (request.method === 'OPTIONS' ? { status: 200, headers: [['public', offered]] } : undefined),
    });
    await until('live');
    const before = camera().requests.length;
    for (let second = 0; second < 62; second++) {
      camera().arrive(rtpFrame(0, second));
      timers.advance(1000);
      await settle();
    }
    const sent = camera().requests.slice(before);
    expect(sent.map((request) => request.method)).toEqual([method, method, method, method]);
    expect(headerOf(sent[0] ?? { headers: [] }, 'session')).toBe('12345');
  });

  test('that is refused, or not answered, does not end a stream whose media flows', async () => {
    const { camera, timers, until, states } = start({
      on: ({ method }) => (method === 'GET_PARAMETER' ? { status: 454 } : undefined),
    });
    await until('live');
    for (let second = 0; second < 40; second++) {
      camera().arrive(rtpFrame(0, second));
      timers.advance(1000);
      await settle();
    }
    expect(states).toEqual(['connecting', 'live']);
  });
});

test('a camera that only answers, and sends no media, is dialled again', async () => {
  const { inlet, timers, log, states, cameras, until } = start();
  await until('live');
  timers.advance(10_000);
  expect(states.slice(2)).toEqual(['waiting: no media for 10 s']);
  expect(inlet.sources[0]?.closed).toBe('no media for 10 s');
  expect(cameras[0]?.isClosed).toBe(true);
  timers.advance(500);
  await until('live');
  expect(inlet.sources).toHaveLength(2);
  expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'info rtsp source live',
    'warn rtsp source lost',
    'info rtsp source live',
  ]);
});

describe('back-off', () => {
  test.for([
    [0, [400, 800, 1600, 3200, 6400, 8000, 8000]],
    [0.5, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]],
  ] as const)('doubles from 0.5 s to 10 s, with jitter %d', async ([random, expected]) => {
    const { timers, log, until } = start({}, { ...dead('connection refused'), random: () => random });
    const waits: (number | undefined)[] = [];
    for (const _ of expected) {
      await until('waiting');
      waits.push(timers.nextInMs);
      timers.advance(timers.nextInMs ?? 0);
    }
    expect(waits).toEqual(expected);
    expect(log.lines).toMatchObject([
      { level: 'warn', message: 'rtsp source unavailable', fields: { camera: '192.0.2.1:554' } },
    ]);
  });

  test('begins anew once media came', async () => {
    let isDead = true;
    const { camera, timers, until } = start({ on: () => (isDead ? { status: 503 } : undefined) });
    for (let failure = 0; failure < 4; failure++) {
      await until('waiting');
      timers.advance(failure === 3 ? 0 : (timers.nextInMs ?? 0));
    }
    expect(timers.nextInMs).toBe(4000);
    isDead = false;
    timers.advance(4000);
    await until('live');
    camera().arrive(rtpFrame(0, 1));
    timers.advance(2500);
    camera().lose('connection reset');
    expect(timers.nextInMs).toBe(500);
  });
});

test('a camera that accepts and stays silent is given up in time', async () => {
  const { timers, until } = start({ on: () => 'silence' });
  await settle();
  timers.advance(10_000);
  await until('waiting: the camera did not answer in time');
});

test('automatic falls back to UDP where TCP is refused', async () => {
  const transports: string[] = [];
  const { inlet, until, source } = start({
    on: (request) => {
      if (request.method !== 'SETUP') return undefined;
      const transport = headerOf(request, 'transport') ?? '';
      transports.push(transport.replace(/=.*/, ''));
      return transport.includes('TCP')
        ? { status: 461 }
        : { status: 200, headers: [['transport', `${transport};server_port=9-10`]] };
    },
  });
  await until('live');
  expect(transports).toEqual([
    'RTP/AVP/TCP;unicast;interleaved',
    'RTP/AVP;unicast;client_port',
    'RTP/AVP;unicast;client_port',
  ]);
  expect(inlet.tracks).toHaveLength(2);
  source.close('over');
});

test.for([
  [
    'a redirect',
    'DESCRIBE',
    { status: 302, headers: [['location', 'rtsp://169.254.169.254/']] },
    /redirects elsewhere/,
  ],
  ['no such stream', 'DESCRIBE', { status: 404 }, /DESCRIBE refused: 404 Whatever/],
  ['a description that is not SDP', 'DESCRIBE', { status: 200, body: '<html>' }, /not SDP/],
  ['no usable track', 'DESCRIBE', { status: 200, body: 'v=0\nm=video 0 RTP/AVP 26' }, /Motion JPEG/],
  ['tracks that cannot be set up', 'SETUP', { status: 453 }, /SETUP refused: 453/],
  [
    'another transport than asked for',
    'SETUP',
    { status: 200, headers: [['transport', 'RTP/AVP;multicast']] },
    /another transport/,
  ],
  ['PLAY refused', 'PLAY', { status: 455 }, /PLAY refused: 455/],
] as const)('%s is named as the reason, and tried again', async ([, method, answer, reason]) => {
  const { until, states, cameras, timers } = start(
    { on: (request) => (request.method === method ? answer : undefined) },
    { transport: 'tcp' },
  );
  await until('waiting');
  expect(states.at(-1)).toMatch(reason);
  expect(cameras[0]?.isClosed).toBe(true);
  timers.advance(500);
  expect(cameras).toHaveLength(2);
});

test('a track that cannot be set up does not cost the others', async () => {
  const { inlet, until } = start({
    on: ({ method, uri }) => (method === 'SETUP' && uri.endsWith('3') ? { status: 404 } : undefined),
  });
  await until('live');
  expect(inlet.tracks).toHaveLength(1);
  expect(inlet.sources[0]?.description.offered.at(-1)?.skipped).toBe('SETUP refused: 404 Whatever');
});

test('a camera that does not know OPTIONS is played all the same', async () => {
  const { until } = start({ on: ({ method }) => (method === 'OPTIONS' ? { status: 405 } : undefined) });
  await until('live');
});

test('a camera that asks whether we are there is answered', async () => {
  const { camera, until } = start();
  await until('live');
  camera().arrive('OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\n', 'FLY rtsp://h RTSP/1.0\r\nCSeq: 78\r\n\r\n');
  const answers = camera().messages.slice(-2);
  expect(answers).toMatchObject([{ status: 200 }, { status: 501 }]);
  expect(answers.map((answer) => headerOf(answer, 'cseq'))).toEqual(['77', '78']);
  camera().arrive('TEARDOWN rtsp://h RTSP/1.0\r\nCSeq: 79\r\n\r\n');
  await until('waiting: the camera ended the stream');
});

test('a stream that refuses is asked again later', async () => {
  const { inlet, timers, until } = start();
  inlet.refusal = new ShardcastError('PUBLISHER_EXISTS', 'someone is already publishing');
  await until('waiting: someone is already publishing');
  inlet.refusal = undefined;
  timers.advance(500);
  await until('live');
});

describe('close', () => {
  test('says goodbye to a camera that plays, and ends for good', async () => {
    const { camera, inlet, source, states, timers, until } = start();
    await until('live');
    source.close('stopped');
    source.close('again');
    expect(camera().messages.at(-1)).toMatchObject({ method: 'TEARDOWN', uri: 'rtsp://10.0.0.9/cam/' });
    expect(camera().isClosed).toBe(true);
    expect(inlet.sources[0]?.closed).toBe('stopped');
    expect(timers.pending).toBe(0);
    expect(states.slice(2)).toEqual(['closed: stopped']);
  });

  test('stops a source that waits or is on its way', async () => {
    const waiting = start({}, dead('connection refused'));
    await waiting.until('waiting');
    waiting.source.close('stopped');
    expect(waiting.timers.pending).toBe(0);
    const connecting = start();
    connecting.source.close('stopped');
    await settle();
    expect(connecting.states).toEqual(['connecting', 'closed: stopped']);
    expect(connecting.camera().requests).toEqual([]);
  });

  test('by the stream does not call it back', async () => {
    const { camera, inlet, states, until } = start();
    await until('live');
    inlet.sources[0]?.upstream.close('stream closed');
    expect(inlet.sources[0]?.closed).toBeUndefined();
    expect(camera().isClosed).toBe(true);
    expect(states.at(-1)).toBe('closed: stream closed');
  });
});

test('a URL that cannot be used is refused without being repeated', () => {
  const make = () => start({}, { url: 'rtsp://u:s3cret@/' });
  expect(make).toThrow(ShardcastError);
  expect(make).not.toThrow(/s3cret/);
});

test('whatever a camera sends, the source waits or plays, and never keeps two timers', async () => {
  let state = 3;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 300; round++) {
    const mutate = (text: string) => {
      const bytes = Buffer.from(text);
      for (let change = 0; change < 3 && bytes.length > 0; change++) bytes[random(bytes.length)] = random(256);
      return bytes.toString('latin1');
    };
    const { camera, source, states, timers } = start({
      on: (request) => {
        const answer = usual(request);
        const headers = (answer.headers ?? []).map(([name, value]) => [name, mutate(value)] as const);
        return random(2) === 0 ? undefined : { ...answer, headers, body: mutate(answer.body ?? '') };
      },
    });
    await settle();
    await settle();
    for (let read = 0; read < 5; read++)
      camera().arrive(mutate(`${rtpFrame(0, read).toString('latin1')}RTSP/1.0 200 OK\r\n\r\n`));
    timers.advance(400);
    expect(['connecting', 'live', 'waiting']).toContain(states.at(-1)?.split(':', 1)[0]);
    source.close('over');
    expect(timers.pending).toBe(0);
  }
});
