import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { describePeer, PeerSocket } from '@shardcast/load';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { TestServer } from '../../../e2e/support/server.ts';
import type { Attack } from '../attack.ts';

const CLIP = new URL('../../../packages/signaling/assets/demo.h264', import.meta.url).pathname;
const SPELLINGS = [
  ...['127.0.0.1', '127.1', '127.0.1', '0x7f.1', '0x7f000001', '0x7f.0x0.0x0.0x1', '2130706433', '017700000001'],
  ...[
    '0177.0.0.1',
    '0177.0x0.0.1',
    '127.0.0.01',
    '127.000.000.001',
    '127.0.0.2',
    'localhost',
    'LOCALHOST',
    'localhost.',
  ],
  ...[
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[0000::0001]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[0:0:0:0:0:FFFF:127.0.0.1]',
  ],
  ...[
    '[::127.0.0.1]',
    '[::ffff:0:127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::1]',
    '0.0.0.0',
    '0',
    '[::]',
    '127%2e1',
  ],
];

/** Answers for as long as `use` runs. */
async function withKeyServer<T>(keys: object, use: (port: number) => Promise<T>): Promise<T> {
  const server: Server = createServer((_request, response) => response.end(JSON.stringify(keys)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    return await use(typeof address === 'object' ? (address?.port ?? 0) : 0);
  } finally {
    server.close();
  }
}

/** Every route of the API as it describes itself, with names filled in. */
async function apiRoutes(api: string, token: string): Promise<[method: string, url: string][]> {
  const response = await fetch(`${api}/v3/openapi.json`, { headers: { authorization: `Bearer ${token}` } });
  const { paths } = (await response.json()) as { paths: Record<string, Record<string, unknown>> };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method): [string, string] => [
      method.toUpperCase(),
      `${api}${path.replaceAll(/\{\w+\}/g, 'cam1')}`,
    ]),
  );
}

async function authorisation(): Promise<{ figure: string; isMet: boolean }> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' };
  const other = await generateKeyPair('ES256');
  const token = (permissions: readonly object[], { expires = '1h', key = privateKey } = {}) =>
    new SignJWT({ mediamtx_permissions: permissions })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setExpirationTime(expires)
      .sign(key);
  const everything = ['publish', 'read', 'playback', 'api', 'metrics', 'pprof'].map((action) => ({ action }));
  return withKeyServer({ keys: [jwk] }, async (port) => {
    const server = await TestServer.start({
      config: `authMethod: jwt\nauthJWTJWKS: http://127.0.0.1:${port}/jwks\npaths:\n  cam1: { source: 'file:${CLIP}' }\n  cam2: {}\n`,
    });
    try {
      const right = await token(everything);
      const wrong = {
        none: undefined,
        garbage: 'garbage',
        forged: await token(everything, { key: other.privateKey }),
        expired: await token(everything, { expires: '-1m' }),
        'of another stream': await token([
          { action: 'read', path: 'cam2' },
          { action: 'publish', path: 'cam2' },
        ]),
      };
      // A session's own URL is its credential (S13): whoever does not know it is told 404, with any token or none.
      const doors: [method: string, url: string][] = [
        ...(await apiRoutes(server.api, right)),
        ['GET', `${server.api}/docs/`],
        ['GET', `${server.api}/dashboard/`],
        ['GET', `${server.metricsUrl}/metrics`],
        ...['', 'profile?seconds=1', 'heap', 'workers'].map((what): [string, string] => [
          'GET',
          `${server.pprofUrl}/debug/pprof/${what}`,
        ]),
        ...(['POST', 'OPTIONS'] as const).flatMap((method) =>
          ['whep', 'whip'].map((what): [string, string] => [method, `${server.web}/cam1/${what}`]),
        ),
        ['GET', `${server.web}/cam1/`],
        ['GET', `${server.web}/cam1/publish`],
      ];
      const open: string[] = [];
      for (const [method, url] of doors) {
        for (const [what, credential] of Object.entries(wrong)) {
          const headers = credential === undefined ? {} : { authorization: `Bearer ${credential}` };
          const body = method === 'POST' || method === 'PATCH' ? { body: 'v=0' } : {};
          const { status } = await fetch(url, { method, headers, redirect: 'manual', ...body });
          // What nobody may do is nobody's to ask for: a method that a door does not have tells nothing.
          if (status !== 401 && status !== 403 && status !== 405 && !isPreflight(method))
            open.push(`${method} ${new URL(url).pathname} (${what}): ${status}`);
        }
      }
      const health = await (await fetch(`${server.web}/healthz`)).text();
      const admitted = await fetch(`${server.api}/v3/paths/list`, { headers: { authorization: `Bearer ${right}` } });
      for (const line of open.slice(0, 20)) console.error(`S8: open: ${line}`);
      return {
        figure: `${doors.length} doors x ${Object.keys(wrong).length} credentials, ${open.length} open`,
        isMet: open.length === 0 && admitted.status === 200 && !health.includes('cam1'),
      };
    } finally {
      await server.stop();
    }
  });
}

/** A browser asks before it sends a credential (Fetch, CORS-preflight). */
function isPreflight(method: string): boolean {
  return method === 'OPTIONS';
}

/** Whoever connects to this host is counted, by either protocol. @returns how many did in all spellings */
async function connectsTo(sourceNetworks: string, settleMs: number): Promise<number> {
  let connects = 0;
  const listener = createTcpServer((socket) => {
    connects++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, '::', resolve));
  const address = listener.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const server = await TestServer.start({ config: `sourceNetworks: [${sourceNetworks}]\npaths: {}\n` });
  try {
    for (const [index, host] of SPELLINGS.entries()) {
      await fetch(`${server.api}/v3/config/paths/add/spelling${index}`, {
        method: 'POST',
        body: JSON.stringify({ source: `rtsp://${host}:${port}/x`, rtspTransport: 'tcp' }),
      });
    }
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    return connects;
  } finally {
    await server.stop();
    listener.close();
  }
}

/** Secrets go in by every way that they may, and are looked for wherever something comes out. */
async function secrets(): Promise<{ figure: string; isMet: boolean }> {
  const planted = ['Pl4nted-camera', 'Pl4nted-user', 'Pl4nted-bearer', 'Pl4nted-query', 'Pl4nted-basic'];
  const [camera, user, bearer, query, basic] = planted;
  const server = await TestServer.start({
    config: `
authInternalUsers:
  - { user: gate, pass: ${user}, permissions: [{ action: publish }] }
  - { user: any, ips: [127.0.0.1, '::1'], permissions: [{ action: api }, { action: metrics }, { action: pprof }] }
paths:
  cam: { source: 'rtsp://root:${camera}@127.0.0.1:9/x' }
`,
    flags: { logLevel: 'trace' },
  });
  try {
    const said: string[] = [];
    const hear = async (url: string, init: RequestInit = {}) => {
      const response = await fetch(url, init);
      said.push(`${JSON.stringify([...response.headers])} ${await response.text()}`);
    };
    await hear(`${server.web}/cam/whep`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}` },
      body: 'v=0',
    });
    await hear(`${server.web}/cam/whep?jwt=${query}`, { method: 'POST', body: 'v=0' });
    await hear(`${server.web}/cam/whip`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`gate:${basic}`).toString('base64')}` },
      body: 'v=0',
    });
    for (const [method, url] of await apiRoutes(server.api, ''))
      if (method === 'GET') await hear(url.replaceAll('cam1', 'cam'));
    await hear(`${server.metricsUrl}/metrics`);
    await hear(`${server.api}/v3/config/paths/patch/cam`, {
      method: 'PATCH',
      body: JSON.stringify({ source: `rtsp://root:${camera}@` }),
    });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const forms = planted.flatMap((secret) => [secret, Buffer.from(secret).toString('base64').slice(0, 15)]);
    const found = forms.filter((form) => server.log.includes(form) || said.some((text) => text.includes(form)));
    return {
      figure: `${planted.length} planted, ${said.length} answers and ${server.log.length} characters of log, ${found.length} found`,
      isMet: found.length === 0 && said.length > 10 && server.log.length > 1000,
    };
  } finally {
    await server.stop();
  }
}

async function restart(patience: number): Promise<{ figure: string; isMet: boolean }> {
  const peer = await PeerSocket.open([1, 7]);
  const body = describePeer(peer, 'sendonly', 'actpass');
  const began = performance.now();
  const server = await TestServer.start();
  const headers = { 'content-type': 'application/sdp' };
  const { status } = await fetch(`${server.web}/cam/whip`, { method: 'POST', headers, body });
  const startSeconds = (performance.now() - began) / 1000;
  peer.close();
  const stopping = performance.now();
  const code = await server.stop();
  const stopSeconds = (performance.now() - stopping) / 1000;
  const free = await new Promise<boolean>((resolve) => {
    const probe = createTcpServer().once('error', () => resolve(false));
    probe.listen(Number(new URL(server.web).port), '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  return {
    figure: `start to the first ${status} ${startSeconds.toFixed(2)} s, exit ${code} after ${stopSeconds.toFixed(2)} s, port ${free ? 'free' : 'TAKEN'}`,
    isMet: status === 201 && code === 0 && free && startSeconds <= 1.5 * patience && stopSeconds <= 5 * patience,
  };
}

/** Doors that are closed, secrets that stay in: asked of servers of their own, beside the one whose viewers watch. */
export const DOOR_ATTACKS: readonly Attack[] = [
  {
    id: 'S8',
    goal: 'every route x {no, garbled, forged, expired, another stream’s} token: 401 or 403',
    isLong: true,
    run: authorisation,
  },
  {
    id: 'S11',
    goal: `${SPELLINGS.length} spellings of this host as sources: no connection outside sourceNetworks`,
    isLong: true,
    async run() {
      const allowed = await connectsTo("127.0.0.0/8, '::1'", 4000);
      const refused = await connectsTo('10.0.0.0/8', 4000);
      return {
        figure: `${refused} connections; ${allowed} when this host is allowed`,
        isMet: refused === 0 && allowed >= 10,
      };
    },
  },
  { id: 'S12', goal: 'planted secrets: none in a log, an answer, a metric', isLong: true, run: secrets },
  {
    id: 'R12',
    goal: 'start to the first 201 <= 1.5 s; SIGTERM to exit 0 <= 5 s, port free',
    isLong: true,
    run: ({ scale }) => restart(scale.patience),
  },
];
