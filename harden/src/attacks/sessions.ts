import { describePeer, PeerSocket } from '@shardcast/load';
import { AudienceHost } from '../../../bench/src/audience-host.ts';
import { type Attack, percentile, sleep, type Target } from '../attack.ts';

const CONSENT_MS = 30_000;

async function sessionsOf({ api }: Target): Promise<number> {
  const page = (await (await fetch(`${api}/v3/webrtcsessions/list?itemsPerPage=1`)).json()) as { itemCount: number };
  return page.itemCount;
}

/** Sessions that come, go and stay away. */
export const SESSION_ATTACKS: readonly Attack[] = [
  {
    id: 'S13',
    goal: 'session URLs: >= 128 random bits, no shared beginning; guesses hit nothing',
    async run({ stage, web, scale }) {
      const count = Math.round(500 * scale.share);
      const ids: string[] = [];
      const peer = await PeerSocket.open([1, 7]);
      const offer = describePeer(peer, 'recvonly', 'actpass');
      for (let i = 0; i < count; i++) {
        const response = await fetch(stage.server.viewerUrl(i % 2), {
          method: 'POST',
          headers: { 'content-type': 'application/sdp' },
          body: offer,
        });
        await response.text();
        const location = response.headers.get('location') ?? '';
        ids.push(location.slice(location.lastIndexOf('/') + 1));
        if (location !== '') await fetch(new URL(location, web), { method: 'DELETE' });
      }
      peer.close();
      let hits = 0;
      for (let i = 0; i < 4 * count; i++) {
        const guess = Buffer.from(Array.from({ length: 16 }, () => Math.floor(256 * Math.random()))).toString(
          'base64url',
        );
        const { status } = await fetch(new URL(`/cam0/whep/${guess}`, web), { method: 'DELETE' });
        if (status !== 404) hits++;
      }
      const bits = Math.min(...ids.map((id) => 8 * Buffer.from(id, 'base64url').length));
      const isFresh = new Set(ids.map((id) => id.slice(0, 8))).size === ids.length;
      return { figure: `${ids.length} ids of ${bits} bits, ${hits} hits`, isMet: bits >= 128 && isFresh && hits === 0 };
    },
  },
  {
    id: 'I2',
    goal: 'joins one after another: from POST to the first packet p95 <= 100 ms, 0 failures in 1,000',
    async run({ stage, scale }) {
      const count = Math.round(1000 * scale.share);
      const audience = new AudienceHost([1, 7]);
      const times: number[] = [];
      let failed = 0;
      try {
        for (let i = 0; i < count; i++) {
          const beganMs = performance.now();
          await audience.join([stage.server.viewerUrl(i % 20)]).catch(() => failed++);
          times.push(performance.now() - beganMs);
          if (audience.viewers >= 20) await audience.leave(20, 0);
        }
      } finally {
        await audience.close();
      }
      const p95 = percentile(times, 0.95);
      return {
        figure: `p95 ${p95.toFixed(0)} ms, ${failed} failures in ${count}`,
        isMet: p95 <= 100 * scale.patience && failed === 0,
      };
    },
  },
  {
    id: 'R7',
    goal: 'a viewer that goes without a word is let go <= 30 s',
    isLong: true,
    async run(target) {
      const { stage } = target;
      const before = await sessionsOf(target);
      const audience = new AudienceHost([1, 7]);
      await audience.join(Array.from({ length: 5 }, (_, i) => stage.server.viewerUrl(i)));
      const with5 = await sessionsOf(target);
      await audience.leave(5, 5);
      const beganMs = performance.now();
      let left = with5;
      while (left > before && performance.now() - beganMs < CONSENT_MS + 5000) {
        await sleep(250);
        left = await sessionsOf(target);
      }
      const seconds = (performance.now() - beganMs) / 1000;
      await audience.close();
      return {
        figure: `${with5 - left} of 5 let go after ${seconds.toFixed(1)} s`,
        isMet: left === before && with5 === before + 5 && seconds <= CONSENT_MS / 1000 + 1,
      };
    },
  },
];
