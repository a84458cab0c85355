import { Camera, describePeer, exchange, type FrameCarrier, FrameSource, overSrtp, PeerSocket } from '@shardcast/load';
import { lostOf } from '../../../bench/src/audience.ts';
import { AudienceHost } from '../../../bench/src/audience-host.ts';
import { type Attack, sleep, type Target } from '../attack.ts';

const FRAME_MS = 40;
const VIEWERS = 4;
const COMEBACK_SECONDS = 1;
const LOOK_MS = 20;

/** Sends by a clock of its own until it is closed. */
function play(camera: { readonly frames: FrameSource }): () => void {
  const clock = setInterval(() => camera.frames.send(), FRAME_MS);
  return () => clearInterval(clock);
}

/** A camera leaves and another comes in its place: other SSRC, numbers, timestamps. @returns seconds to its first frame, by viewer's packets */
async function comeback({ stage, web }: Target, intake: 'whip' | 'tcp', ordinal: number) {
  const path = `cam${ordinal}`;
  const publish = (number: number) =>
    intake === 'whip'
      ? Camera.whip(new URL(`/${path}/whip`, web).href, { ordinal: number })
      : Camera.publish(`${stage.server.rtsp}/${path}`, { ordinal: number });
  const audience = new AudienceHost([1, 7]);
  let camera = await publish(ordinal);
  let stop = play(camera);
  try {
    await sleep(500);
    await audience.join(Array.from({ length: VIEWERS }, () => stage.server.viewerUrl(ordinal)));
    await sleep(1000);
    stop();
    await camera.leave();
    await sleep(300); // what was on its way
    await audience.reset();
    camera = await publish(ordinal + 50);
    camera.frames.sendOnlyKeyframes();
    const beganMs = performance.now();
    stop = play(camera);
    let tally = await audience.tally();
    while (tally.received < VIEWERS && performance.now() - beganMs < 10_000) {
      await sleep(LOOK_MS);
      tally = await audience.tally();
    }
    const seconds = (performance.now() - beganMs) / 1000;
    await sleep(2000);
    tally = await audience.tally();
    // The first mark of another camera is in nobody's order.
    const wrong = tally.disordered + tally.rejected + Math.max(0, tally.wrong - VIEWERS);
    return { seconds, received: tally.received, hurt: lostOf(tally) + wrong };
  } finally {
    stop();
    await audience.close();
    await camera.leave();
  }
}

/** RTP numbers and timestamps from elsewhere, and a timestamp that jumps once. */
function shifted(carrier: FrameCarrier, shift: { sequence: number; timestamp: number }): FrameCarrier {
  return {
    isFree: carrier.isFree,
    carry: (bytes) => {
      for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt16BE(at + 2)) {
        bytes.writeUInt16BE((bytes.readUInt16BE(at + 6) + shift.sequence) % 0x1_0000, at + 6);
        bytes.writeUInt32BE((bytes.readUInt32BE(at + 8) + shift.timestamp) % 0x1_0000_0000, at + 8);
      }
      carrier.carry(bytes);
    },
  };
}

/** What cameras do that nobody likes. */
export const CAMERA_ATTACKS: readonly Attack[] = [
  {
    id: 'R8',
    goal: 'a camera comes back as another (SSRC, numbers, timestamps): its viewers play on <= 1 s after its first keyframe, lost 0',
    isLong: true,
    async run(target) {
      const whip = await comeback(target, 'whip', 92);
      const rtsp = await comeback(target, 'tcp', 93);
      const told = (name: string, { seconds, received, hurt }: typeof whip) =>
        `${name} ${seconds.toFixed(2)} s, ${received} packets, ${hurt} lost or wrong`;
      return {
        figure: `${told('WHIP', whip)}; ${told('RTSP', rtsp)}`,
        isMet: [whip, rtsp].every(
          ({ seconds, hurt, received }) =>
            seconds <= COMEBACK_SECONDS * target.scale.patience && hurt === 0 && received > VIEWERS,
        ),
      };
    },
  },
  {
    id: 'R13',
    goal: 'sequence numbers and timestamps of a publisher wrap, its timestamps jump by 2^31: lost 0, doubled 0',
    isLong: true,
    async run({ stage, web, scale }) {
      const peer = await PeerSocket.open([1]);
      const offer = describePeer(peer, 'sendonly', 'actpass');
      const { remote, hangUp } = await exchange(new URL('/cam94/whip', web).href, offer);
      const shift = { sequence: 0x1_0000 - 300, timestamp: 0x1_0000_0000 - 4 * 90_000 };
      const carrier = shifted(
        overSrtp(await peer.connect(remote), (datagram) => peer.send(datagram)),
        shift,
      );
      const frames = new FrameSource(carrier, 94);
      const stop = play({ frames });
      const audience = new AudienceHost([1, 7]);
      try {
        await sleep(500);
        await audience.join(Array.from({ length: VIEWERS }, () => stage.server.viewerUrl(94)));
        await audience.reset();
        await sleep(6000); // both have wrapped by then
        shift.timestamp = (shift.timestamp + 2 ** 31) % 2 ** 32;
        await sleep(Math.max(2, scale.seconds / 3) * 1000);
        const tally = await audience.tally();
        const wrong = tally.disordered + tally.rejected + tally.wrong;
        return {
          figure: `${frames.rtpPackets} packets sent, ${tally.received} received by ${VIEWERS}, ${lostOf(tally)} lost, ${wrong} doubled or wrong`,
          isMet: frames.rtpPackets > 600 && tally.received > VIEWERS * 500 && lostOf(tally) + wrong === 0,
        };
      } finally {
        stop();
        await audience.close();
        await hangUp();
        peer.close();
      }
    },
  },
];
