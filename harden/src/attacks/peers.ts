import { bindingRequest, describePeer, exchange, FrameSource, overSrtp, PeerSocket } from '@shardcast/load';
import { lostOf } from '../../../bench/src/audience.ts';
import { AudienceHost } from '../../../bench/src/audience-host.ts';
import { type Attack, sleep } from '../attack.ts';
import { flood } from '../flood.ts';
import { clientHello } from './datagrams.ts';

const FRAME_MS = 40;
const REPLAY_MS = 150;
const FORGED_MS = 3000;

/** Whether a viewer gets anywhere whose offer says `fingerprint`; its certificate is its own. */
async function getsIn(url: string, alter: (offer: string) => string): Promise<boolean> {
  const peer = await PeerSocket.open([1, 7]);
  try {
    let hasMedia = false;
    const { remote, hangUp } = await exchange(url, alter(describePeer(peer, 'recvonly', 'actpass')));
    peer.onMedia = () => {
      hasMedia = true;
    };
    const connected = peer.connect(remote).then(
      () => true,
      () => false,
    );
    const isConnected = await Promise.race([connected, sleep(FORGED_MS).then(() => false)]);
    await hangUp();
    return isConnected || hasMedia;
  } finally {
    peer.close();
  }
}

/** Those who have a session, or know of one. */
export const PEER_ATTACKS: readonly Attack[] = [
  {
    id: 'S3b',
    isLong: true,
    goal: 'checks with the right username fragment and guessed passwords, 10,000/s: no answer, gap <= +50 ms',
    maxGapMs: 50,
    async run({ stage, mediaPorts: ports, scale: { seconds } }) {
      const peer = await PeerSocket.open([1, 7]);
      const { remote, hangUp } = await exchange(stage.server.viewerUrl(0), describePeer(peer, 'recvonly', 'actpass'));
      const ufrag = /a=ice-ufrag:(\S+)/.exec(remote)?.[1] ?? '';
      const datagram = (n: number) => bindingRequest(`${ufrag}:peer`, `guess ${n}`);
      const { sent, answers } = await flood({ sources: 64, ports, perSecond: 10_000, seconds, datagram });
      await hangUp();
      peer.close();
      return { figure: `${sent} checks, ${answers} answers`, isMet: ufrag !== '' && sent > 0 && answers === 0 };
    },
  },
  {
    id: 'S4b',
    goal: 'joins while ClientHellos of strangers come, 1,000/s: 200 of 200 connect',
    isLong: true,
    async run({ stage, mediaPorts: ports, scale }) {
      const audience = new AudienceHost([1, 7]);
      const count = Math.max(4, Math.round(200 * scale.share));
      const flooding = flood({ sources: 16, ports, perSecond: 1000, seconds: scale.seconds, datagram: clientHello });
      let failed = 0;
      for (let i = 0; i < count; i++) {
        await audience.join([stage.server.viewerUrl(i % 20)]).catch(() => failed++);
        if (audience.viewers >= 10) await audience.leave(audience.viewers, 0);
      }
      const { answers } = await flooding;
      await audience.close();
      return {
        figure: `${count - failed} of ${count} connect, ${answers} answers`,
        isMet: failed === 0 && answers === 0,
      };
    },
  },
  {
    id: 'S6',
    isLong: true,
    goal: 'a publisher sends every SRTP packet twice: its viewer gets each once',
    async run({ stage, web, scale }) {
      const peer = await PeerSocket.open([1]);
      const { remote, hangUp } = await exchange(
        new URL('/cam90/whip', web).href,
        describePeer(peer, 'sendonly', 'actpass'),
      );
      const carrier = overSrtp(await peer.connect(remote), (datagram) => {
        peer.send(datagram);
        const again = Buffer.from(datagram);
        replays.push(setTimeout(() => peer.send(again), REPLAY_MS));
      });
      const replays: NodeJS.Timeout[] = [];
      const frames = new FrameSource(carrier, 90);
      const clock = setInterval(() => frames.send(), FRAME_MS);
      const audience = new AudienceHost([1, 7]);
      try {
        await sleep(500);
        await audience.join([stage.server.viewerUrl(90)]);
        await audience.reset();
        await sleep(Math.max(2, scale.seconds / 3) * 1000);
        const tally = await audience.tally();
        const wrong = tally.disordered + tally.rejected + tally.wrong;
        return {
          figure: `${tally.received} packets, ${lostOf(tally)} lost, ${wrong} doubled or wrong`,
          isMet: tally.received > 0 && lostOf(tally) + wrong === 0,
        };
      } finally {
        clearInterval(clock);
        for (const replay of replays) clearTimeout(replay);
        await audience.close();
        await hangUp();
        peer.close();
      }
    },
  },
  {
    id: 'S7',
    isLong: true,
    goal: 'a certificate of another fingerprint than the offer: never connected, no media',
    async run({ stage }) {
      const url = stage.server.viewerUrl(0);
      const isForged = await getsIn(url, (offer) =>
        offer.replace(/(a=fingerprint:sha-256 )(..)/, (_, name, first) => `${name}${first === '00' ? '01' : '00'}`),
      );
      const isHonest = await getsIn(url, (offer) => offer);
      return {
        figure: `the forged one ${isForged ? 'GETS IN' : 'stays out'}, the honest one ${isHonest ? 'gets in' : 'DOES NOT'}`,
        isMet: !isForged && isHonest,
      };
    },
  },
];
