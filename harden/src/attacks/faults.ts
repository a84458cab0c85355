import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { describePeer, descriptorsOf, PeerSocket } from '@shardcast/load';
import { AudienceHost } from '../../../bench/src/audience-host.ts';
import { type Attack, MAX_SESSIONS, percentile, sleep, type Target } from '../attack.ts';

const STOPPED_MS = 10_000;
const DESCRIPTORS_LEFT = 60;

async function join(target: Target): Promise<boolean> {
  const audience = new AudienceHost([1, 7]);
  try {
    await audience.join([target.stage.server.viewerUrl(0)]);
    return true;
  } catch {
    return false;
  } finally {
    await audience.close();
  }
}

/** What goes wrong by itself. */
export const FAULTS: readonly Attack[] = [
  {
    id: 'R4',
    goal: 'main thread blocked for 2 s: gap <= +20 ms, /healthz back in 2.1 s',
    maxGapMs: 20,
    async run({ stage, web, scale }) {
      await sleep(200);
      const beganMs = performance.now();
      process.kill(stage.server.pid, 'SIGUSR2');
      await sleep(20); // the signal is there before the request
      await (await fetch(new URL('/healthz', web))).text();
      const seconds = (performance.now() - beganMs) / 1000;
      return {
        figure: `/healthz back after ${seconds.toFixed(2)} s`,
        isMet: seconds > 1.8 && seconds <= 2.1 * scale.patience,
      };
    },
  },
  {
    id: 'F1',
    goal: 'file descriptors used up: nothing lost, and a viewer gets in afterwards',
    isLong: true,
    async run(target) {
      const { pid } = target.stage.server;
      const limit = (soft: string) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]);
      const usual = execFileSync('prlimit', ['--pid', String(pid), '--nofile', '--noheadings', '--output=SOFT']);
      limit(String(descriptorsOf(pid) + DESCRIPTORS_LEFT));
      const sockets = Array.from({ length: 4 * DESCRIPTORS_LEFT }, () =>
        connect(Number(target.web.port), target.web.hostname)
          .on('error', () => undefined)
          .resume(),
      );
      await sleep(3000);
      const used = descriptorsOf(pid);
      for (const socket of sockets) socket.destroy();
      limit(usual.toString().trim());
      await sleep(2000);
      const isServed = await join(target);
      return {
        figure: `${used} descriptors in use, ${isServed ? 'served' : 'NOT served'} afterwards`,
        isMet: isServed,
      };
    },
  },
  {
    id: 'F2',
    isLong: true,
    goal: 'the wall clock jumps a day on and two back: gap <= +50 ms',
    maxGapMs: 50,
    async run(target) {
      for (let i = 0; i < 2; i++) {
        process.kill(target.stage.server.pid, 'SIGWINCH');
        await sleep(1000);
      }
      const isServed = await join(target);
      return { figure: isServed ? 'a viewer gets in afterwards' : 'NO viewer gets in', isMet: isServed };
    },
  },
  {
    id: 'R10',
    goal: 'a viewer that is stopped for 10 s: the others lose nothing, it gets packets <= 1 s after',
    isLong: true,
    async run({ stage }) {
      const slow = new AudienceHost([1, 7]);
      try {
        await slow.join([stage.server.viewerUrl(0)]);
        if (slow.pid === undefined) throw new Error('there is no viewer to stop');
        const before = stage.residentBytes();
        process.kill(slow.pid, 'SIGSTOP');
        await sleep(STOPPED_MS);
        const grown = (stage.residentBytes() - before) / 1024 / 1024;
        process.kill(slow.pid, 'SIGCONT');
        await sleep(500); // what the kernel kept for it
        await slow.reset();
        await sleep(500);
        const { received } = await slow.tally();
        return {
          figure: `${received} packets in the second half of the first second, server ${grown.toFixed(1)} MB more`,
          isMet: received > 0 && grown <= 2,
        };
      } finally {
        await slow.close();
      }
    },
  },
  {
    id: 'R11',
    goal: 'three times as many joins as there is room: 503 with Retry-After in <= 50 ms (median), nobody else hurt',
    isLong: true,
    async run({ stage, web }) {
      const room = MAX_SESSIONS - stage.viewers.viewers - stage.cameras.count;
      const peer = await PeerSocket.open([1, 7]);
      const body = describePeer(peer, 'recvonly', 'actpass');
      const refusedMs: number[] = [];
      const statuses = new Map<number, number>();
      const admitted: string[] = [];
      let withoutRetry = 0;
      for (let i = 0; i < 3 * room; i++) {
        const beganMs = performance.now();
        const headers = { 'content-type': 'application/sdp' };
        const response = await fetch(stage.server.viewerUrl(i % 20), { method: 'POST', headers, body });
        await response.text();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        if (response.status === 201) admitted.push(response.headers.get('location') ?? '');
        if (response.status !== 503) continue;
        refusedMs.push(performance.now() - beganMs);
        if (!response.headers.has('retry-after')) withoutRetry++;
      }
      for (const location of admitted) await fetch(new URL(location, web), { method: 'DELETE' });
      peer.close();
      const median = percentile(refusedMs, 0.5);
      return {
        figure: `${[...statuses].map(([status, count]) => `${count} x ${status}`).join(', ')}; refused in ${median.toFixed(0)} ms`,
        isMet:
          refusedMs.length >= 2 * room &&
          withoutRetry === 0 &&
          median <= 50 &&
          [...statuses.keys()].every((s) => s === 201 || s === 503),
      };
    },
  },
];
