import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Connection, type ConnectionState } from './connection.ts';

/** As much of a peer connection as `Connection` uses. */
class FakePeer extends EventTarget {
  connectionState: RTCPeerConnectionState = 'new';
  progress = 0;
  isClosed = false;
  readonly remote: string[] = [];
  #offers = 0;
  async createOffer() {
    this.#offers++;
    return {
      type: 'offer',
      sdp: `v=0\r\nm=video 9 x 96\r\na=mid:0\r\na=ice-ufrag:u${this.#offers}\r\na=ice-pwd:p\r\n`,
    };
  }
  async setLocalDescription() {}
  async setRemoteDescription({ sdp }: { sdp: string }) {
    this.remote.push(sdp);
  }
  async getStats() {
    return this.progress;
  }
  close() {
    this.isClosed = true;
  }
  change(state: RTCPeerConnectionState) {
    this.connectionState = state;
    this.dispatchEvent(new Event('connectionstatechange'));
  }
}

type Call = { method: string; url: string; headers: Headers; body: unknown };

const ANSWER = 'a=ice-ufrag:server\r\na=ice-pwd:server\r\n';
let peers: FakePeer[] = [];
let calls: Call[] = [];
let states: [ConnectionState, string][] = [];
let respond: (call: Call) => Response = () => new Response(null, { status: 500 });
let connection: Connection | undefined;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  peers = [];
  calls = [];
  states = [];
  respond = created;
});
afterEach(() => {
  connection?.close();
  vi.useRealTimers();
});

function created({ method }: Call): Response {
  if (method === 'POST') return new Response(ANSWER, { status: 201, headers: { Location: '/cam/whep/secret' } });
  return new Response(null, { status: method === 'DELETE' ? 200 : 204 });
}

function open(more: { token?: string; progress?: 'none' } = {}): void {
  connection = new Connection({
    url: new URL('http://h:8889/cam/whep'),
    token: more.token,
    prepare: () => {},
    // The fakes' report is the number itself.
    ...(more.progress === 'none' ? {} : { progress: (report: unknown) => Number(report) }),
    onState: (state, detail) => states.push([state, detail]),
    createPeerConnection: () => {
      const peer = new FakePeer();
      peers.push(peer);
      return peer as unknown as RTCPeerConnection; // the members above are all that is used
    },
    fetch: async (url, init) => {
      const call: Call = {
        method: init?.method ?? 'GET',
        url: String(url),
        headers: new Headers(init?.headers),
        body: init?.body,
      };
      calls.push(call);
      return respond(call);
    },
    random: () => 0.5,
  });
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const methods = () => calls.map(({ method }) => method).join(' ');
const peer = (): FakePeer => {
  const last = peers.at(-1);
  if (last === undefined) throw new Error('no peer yet');
  return last;
};
/** Frames for so long. */
async function play(ms: number): Promise<void> {
  for (let elapsed = 0; elapsed < ms; elapsed += 500) {
    peer().progress++;
    await pass(500);
  }
}

test('offers, applies the answer, and is connected once media flows', async () => {
  open({ token: 'jwt' });
  await pass(0);
  expect(calls[0]).toMatchObject({
    method: 'POST',
    url: 'http://h:8889/cam/whep',
    body: expect.stringContaining('m=video'),
  });
  expect(calls[0]?.headers.get('Content-Type')).toBe('application/sdp');
  expect(calls[0]?.headers.get('Authorization')).toBe('Bearer jwt');
  expect(peer().remote).toEqual([ANSWER]);
  peer().change('connected');
  await pass(99);
  expect(states.at(-1)?.[0]).toBe('connecting');
  await play(500);
  expect(states).toEqual([
    ['connecting', 'connecting'],
    ['connected', ''],
  ]);
});

test('close ends the session on the server, once, and nothing follows', async () => {
  open();
  await pass(0);
  connection?.close();
  connection?.close();
  await pass(60_000);
  expect(methods()).toBe('POST DELETE');
  expect(calls[1]).toMatchObject({ url: 'http://h:8889/cam/whep/secret' });
  expect(peer().isClosed).toBe(true);
  expect(states.at(-1)).toEqual(['closed', '']);
});

test('close while the answer is under way ends what comes of it', async () => {
  let release: (response: Response) => void = () => {};
  connection = new Connection({
    url: new URL('http://h/cam/whep'),
    token: undefined,
    prepare: () => {},
    onState: (state, detail) => states.push([state, detail]),
    createPeerConnection: () => new FakePeer() as unknown as RTCPeerConnection, // as above
    fetch: (_url, init) =>
      new Promise((resolve, reject) => {
        calls.push({ method: init?.method ?? '', url: '', headers: new Headers(), body: '' });
        release = resolve;
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      }),
  });
  await pass(0);
  connection.close();
  release(created({ method: 'POST' } as Call)); // too late
  await pass(60_000);
  expect(methods()).toBe('POST');
  expect(states.at(-1)?.[0]).toBe('closed');
});

describe('it tries again', () => {
  test('with growing pauses while the server refuses, telling why', async () => {
    respond = () => Response.json({ detail: 'there is no such path' }, { status: 404 });
    open();
    await pass(20_000);
    expect(states.slice(0, 3)).toEqual([
      ['connecting', 'connecting'],
      ['waiting', 'there is no such path'],
      ['connecting', 'connecting'],
    ]);
    // 0.75 of 250, 500, 1000, … ms: at 0, 188, 563, 1313, 2813, 5813, 11813, 19313 ms
    expect(calls).toHaveLength(8);
    expect(peers.every(({ isClosed }) => isClosed)).toBe(true);
  });

  test('no sooner than the server says', async () => {
    respond = () => Response.json({}, { status: 409, headers: { 'Retry-After': '2' } });
    open();
    await pass(2_000);
    expect(calls).toHaveLength(1);
    await pass(500);
    expect(calls).toHaveLength(2);
    expect(states[1]).toEqual(['waiting', 'the server answered 409']);
  });

  test('when there is no server', async () => {
    respond = () => {
      throw new TypeError('Failed to fetch');
    };
    open();
    await pass(1_000);
    expect(calls.length).toBeGreaterThan(2);
    expect(states[1]).toEqual(['waiting', 'Failed to fetch']);
  });

  test('at once when the connection fails, and ends the old session', async () => {
    open();
    await pass(0);
    await play(2_000);
    peer().change('failed');
    await pass(200);
    expect(methods()).toBe('POST DELETE POST');
    expect(peers[0]?.isClosed).toBe(true);
    expect(states.slice(2)).toEqual([
      ['waiting', 'the connection was lost'],
      ['connecting', 'connecting'],
    ]);
  });

  test('within two seconds when the server has lost the session', async () => {
    open();
    await pass(0);
    await play(3_000);
    respond = (call) => (call.method === 'GET' ? new Response(null, { status: 404 }) : created(call));
    await pass(1_700);
    expect(methods()).toBe('POST GET POST');
  });

  test('after five seconds without frames', async () => {
    open();
    await pass(0);
    await play(1_000);
    await pass(4_400);
    expect(peers).toHaveLength(1);
    await pass(1_100);
    expect(peers).toHaveLength(2);
    expect(methods()).toBe('POST GET GET GET GET DELETE POST');
    expect(states.at(-2)).toEqual(['waiting', 'no media']);
  });

  test('after ten seconds without a first frame', async () => {
    open();
    await pass(9_900);
    expect(peers).toHaveLength(1);
    await pass(900);
    expect(peers).toHaveLength(2);
  });

  test('with short pauses again once media has flowed', async () => {
    respond = () => new Response(null, { status: 503 });
    open();
    await pass(10_000);
    respond = created;
    await pass(10_000);
    await play(1_000);
    const before = calls.length;
    peer().change('failed');
    await pass(200);
    expect(calls.length - before).toBe(2); // DELETE, POST
  });
});

describe('when the network changes', () => {
  const fragment = 'a=ice-ufrag:fresh\r\na=ice-pwd:fresh\r\n';

  test('ICE is restarted within the session', async () => {
    open();
    await pass(0);
    await play(1_000);
    respond = (call) => (call.method === 'PATCH' ? new Response(fragment, { status: 200 }) : created(call));
    peer().change('disconnected');
    await pass(0);
    const call = calls.at(-1);
    expect(call).toMatchObject({ method: 'PATCH', body: expect.stringContaining('a=ice-ufrag:u2') });
    expect(call?.headers.get('If-Match')).toBe('*');
    expect(call?.headers.get('Content-Type')).toBe('application/trickle-ice-sdpfrag');
    expect(peer().remote.at(-1)).toBe('a=ice-ufrag:fresh\r\na=ice-pwd:fresh\r\n');
    peer().change('connected');
    await play(3_000);
    expect(methods()).toBe('POST PATCH');
    expect(peers).toHaveLength(1);
  });

  test('a refused restart leads to a new session', async () => {
    open();
    await pass(0);
    await play(1_000);
    respond = (call) => (call.method === 'PATCH' ? new Response(null, { status: 404 }) : created(call));
    peer().change('disconnected');
    await pass(300);
    expect(methods()).toBe('POST PATCH DELETE POST');
  });
});

test('a publisher, which sees no media come, asks after its session every two seconds', async () => {
  open({ progress: 'none' });
  await pass(0);
  peer().change('connected');
  await pass(4_600);
  expect(methods()).toBe('POST GET GET');
  expect(states.at(-1)?.[0]).toBe('connected');
  respond = (call) => (call.method === 'GET' ? new Response(null, { status: 404 }) : created(call));
  await pass(2_500);
  expect(methods()).toBe('POST GET GET GET POST');
});
