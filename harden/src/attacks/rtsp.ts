import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { cpuSecondsOf } from '@shardcast/load';
import { type Attack, sleep } from '../attack.ts';

const AT_ONCE = 20;
const NONSENSE: readonly (() => Buffer)[] = [
  () => randomBytes(2000),
  () => Buffer.from(`OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
  () => Buffer.from(`ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n`),
  () => Buffer.from(`ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 99999999\r\n\r\nv=0`),
  () => Buffer.from([0x24, 0, 0xff, 0xff]),
  () => Buffer.from('GET / HTTP/1.1\r\n\r\n'),
];

/** The RTSP door, and cameras that are away. */
export const RTSP_ATTACKS: readonly Attack[] = [
  {
    id: 'S2b',
    goal: 'malformed RTSP connections: nothing lost, each is hung up on or answered',
    async run({ rtsp, scale }) {
      const count = Math.round(5000 * scale.share);
      let ended = 0;
      for (let i = 0; i < count; i += AT_ONCE) {
        const sockets = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, k) => {
          const socket = connect(Number(rtsp.port), rtsp.hostname);
          socket.on('error', () => undefined).on('data', () => undefined);
          socket.end(NONSENSE[(i + k) % NONSENSE.length]?.() ?? '');
          return once(socket, 'close').then(() => ended++);
        });
        await Promise.race([Promise.all(sockets), sleep(15_000)]);
      }
      return { figure: `${ended} of ${count} ended`, isMet: ended >= count };
    },
  },
  {
    id: 'R9',
    goal: '100 cameras that are away cost <= 2 % of a processor',
    isLong: true,
    async run({ api, stage, scale }) {
      for (let i = 0; i < 100; i++) {
        await fetch(`${api}/v3/config/paths/add/dead${i}`, {
          method: 'POST',
          body: JSON.stringify({ source: `rtsp://127.0.0.1:${1 + i}/nobody` }),
        });
      }
      await sleep(15_000); // they are tried ever more rarely
      const seconds = Math.max(10, scale.seconds);
      const withDead = cpuSecondsOf(stage.server.pid);
      await sleep(seconds * 1000);
      const busy = cpuSecondsOf(stage.server.pid) - withDead;
      for (let i = 0; i < 100; i++) await fetch(`${api}/v3/config/paths/delete/dead${i}`, { method: 'DELETE' });
      await sleep(3000);
      const without = cpuSecondsOf(stage.server.pid);
      await sleep(seconds * 1000);
      const quiet = cpuSecondsOf(stage.server.pid) - without;
      const percent = (100 * (busy - quiet)) / seconds;
      return { figure: `${percent.toFixed(2)} % of a processor`, isMet: percent <= 2 };
    },
  },
];
