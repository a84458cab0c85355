import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import WebSocket from 'ws';
import { type Attack, percentile, sleep, type Target } from '../attack.ts';

const LIMIT_BYTES = 64 * 1024;
const SLOW_CONNECTIONS = 1000;

async function slowConnections({ web }: Target, count: number) {
  let open = 0;
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect(Number(web.port), web.hostname);
    // What comes is read, or its end would never be seen.
    socket
      .on('error', () => undefined)
      .on('close', () => open--)
      .resume();
    sockets.push(socket);
    socket.write('POST /cam0/whep HTTP/1.1\r\nHost: x\r\n');
    open++;
  }
  const beganMs = performance.now();
  const latencies: number[] = [];
  while (open > 0 && performance.now() - beganMs < 15_000) {
    const askedMs = performance.now();
    await (await fetch(new URL('/healthz', web))).text();
    latencies.push(performance.now() - askedMs);
    await sleep(20);
  }
  const closedMs = performance.now() - beganMs;
  for (const socket of sockets) socket.destroy();
  return { closedMs, p99: percentile(latencies, 0.99) };
}

async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

/** The HTTP door and its WebSocket. */
export const HTTP_ATTACKS: readonly Attack[] = [
  {
    id: 'S9',
    goal: 'body of 64 KiB + 1: 413; 1,000 slow connections: p99 of others <= 100 ms, all closed <= 10 s',
    async run(target) {
      const body = Buffer.alloc(LIMIT_BYTES + 1, 'v');
      const headers = { 'content-type': 'application/sdp' };
      const { status } = await fetch(new URL('/cam0/whep', target.web), { method: 'POST', headers, body });
      const { p99, closedMs } = await slowConnections(target, SLOW_CONNECTIONS);
      return {
        figure: `${status}; p99 ${p99.toFixed(0)} ms, closed after ${(closedMs / 1000).toFixed(1)} s`,
        isMet: status === 413 && p99 <= 100 * target.scale.patience && closedMs <= 10_000,
      };
    },
  },
  {
    id: 'S9b',
    isLong: true,
    goal: 'POSTs that cannot be served, as fast as they go: loss < 0.1 %',
    async run({ web, scale }) {
      const untilMs = performance.now() + scale.seconds * 1000;
      let answered = 0;
      const statuses = new Set<number>();
      const client = async () => {
        while (performance.now() < untilMs) {
          const response = await fetch(new URL('/nobody/whep', web), {
            method: 'POST',
            headers: { 'content-type': 'application/sdp' },
            body: 'v=0\r\n',
          });
          await response.text();
          statuses.add(response.status);
          answered++;
        }
      };
      await Promise.all(Array.from({ length: 16 }, client));
      const isMet = answered > 0 && [...statuses].every((status) => status >= 400 && status < 500);
      return { figure: `${answered} answered with ${[...statuses].join(', ')}`, isMet };
    },
  },
  {
    id: 'S10',
    goal: 'WebSocket: 1,000 idle; a message of 64 KiB + 1 closes with 1009; 51 a second with 1008',
    async run({ web, scale }) {
      const url = new URL('/ws', web);
      url.protocol = 'ws:';
      const count = Math.round(1000 * scale.share);
      const idle: WebSocket[] = [];
      for (let i = 0; i < count; i++) {
        const socket = new WebSocket(url);
        await once(socket, 'open');
        idle.push(socket);
      }
      const large = new WebSocket(url);
      await once(large, 'open');
      large.send('x'.repeat(LIMIT_BYTES + 1));
      const largeCode = await closeCode(large);
      const many = new WebSocket(url);
      await once(many, 'open');
      for (let id = 0; id < 200; id++) many.send(JSON.stringify({ type: 'ping', id }));
      const manyCode = await closeCode(many);
      const alive = idle.filter((socket) => socket.readyState === WebSocket.OPEN).length;
      for (const socket of idle) socket.terminate();
      return {
        figure: `${alive} of ${count} idle stay; ${largeCode}; ${manyCode}`,
        isMet: alive === count && largeCode === 1009 && manyCode === 1008,
      };
    },
  },
];
