import { SESSION_DOUBLES, SessionSnapshot, ShardcastError, Telemetry } from '@shardcast/shared';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { OFFERS, offer } from '../../test/session/offers.ts';
import { PortableFastPath } from '../fastpath/portable.ts';
import { PacketPool } from '../forward/packet-pool.ts';
import { Stream } from '../forward/stream.ts';
import { TrackCommons } from '../forward/track-viewers.ts';
import { Guard } from '../guard.ts';
import { type Certificate, makeCertificate } from '../session/dtls/certificate.ts';
import type { DtlsEngine } from '../session/dtls/secure-channel.ts';
import { selectDtlsEngine } from '../session/dtls/select.ts';
import type { SessionContext } from '../session/session-context.ts';
import { UdpMux } from '../session/udp-mux.ts';
import { TurnQueue } from '../turn-queue.ts';
import { WhipSession } from './whip-session.ts';

const log = { error() {}, warn() {}, info() {}, debug() {} };
let certificate: Certificate;
let dtls: DtlsEngine;
let mux: UdpMux | undefined;

beforeAll(async () => {
  certificate = await makeCertificate();
  dtls = await selectDtlsEngine({ dtls: 'werift', certificate });
});
afterEach(() => mux?.close());

/** Publishes with each offer. @returns the sessions that were accepted, as main would be told of them. */
async function makePublish(): Promise<(sdp: string) => SessionSnapshot | undefined> {
  const telemetry = new Telemetry(Telemetry.allocate());
  const clock = () => 0;
  mux = await UdpMux.open({ host: '127.0.0.1', port: 0 }, { telemetry, log, clock });
  const fastPath = new PortableFastPath(new PacketPool(32), mux.socket, telemetry);
  const commons = new TrackCommons();
  const stream = new Stream({
    path: 'cam',
    slot: 0,
    fastPath,
    telemetry,
    cacheLimits: { maxBytes: 0, maxAgeMs: 0 },
    commons,
    maxPayloadBytes: 1200,
    nack: false,
    overridePublisher: false,
    publisherGraceMs: 0,
    clock,
    log,
    onOnline() {},
    onOffline() {},
    onPaceWanted() {},
  });
  const context: SessionContext = {
    sessionCounters: new SharedArrayBuffer(SESSION_DOUBLES * Float64Array.BYTES_PER_ELEMENT),
    dtls,
    mux,
    fastPath,
    legs: commons.legs,
    telemetry,
    turns: new TurnQueue(new Guard(telemetry, log)),
    log,
    clock,
    handshakeTimeoutMs: 1000,
    consentTimeoutMs: 1000,
    nack: false,
    readTimeoutMs: 1000,
    onSnapshot() {},
    transport: () => ({ addresses: ['127.0.0.1'], port: 1, fingerprint: certificate.fingerprint }),
    credentials: () => ({ ufrag: 'ufrag', pwd: 'password' }),
    onFlushWanted() {},
  };
  return (sdp) => {
    try {
      const { session } = WhipSession.publish({ session: 's', slot: 0, offer: sdp }, stream, context, () => {});
      const snapshot = session.peer.snapshot();
      session.close('done');
      return snapshot;
    } catch (error) {
      if (error instanceof ShardcastError) return undefined;
      throw error;
    }
  };
}

const number = fc.oneof(
  fc.nat(9),
  fc.nat(256),
  fc.constantFrom(8000, 48_000, 90_000),
  fc.bigInt({ min: 0n, max: 10n ** 12n }),
);
const name = fc.constantFrom('H264', 'h265', 'VP8', 'vp9', 'AV1', 'opus', 'PCMU', 'G722', 'rtx', 'x-1');
/** Few, so that the lines of one section often mean each other. */
const payload = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, 96, 97) }, { weight: 1, arbitrary: fc.nat(130) });
const rate = fc.oneof(fc.constantFrom(8000, 48_000, 90_000), number);
const line = fc.oneof(
  fc.tuple(payload, name, rate).map(([type, codec, hz]) => `a=rtpmap:${type} ${codec}/${hz}`),
  fc.tuple(payload, name, rate, number).map(([type, codec, hz, n]) => `a=rtpmap:${type} ${codec}/${hz}/${n}`),
  fc.tuple(payload, fc.string()).map(([type, text]) => `a=fmtp:${type} ${text}`),
  number.map((ssrc) => `a=ssrc:${ssrc} cname:x`),
  number.map((id) => `a=extmap:${id} urn:ietf:params:rtp-hdrext:sdes:mid`),
  fc.string().map((mid) => `a=mid:${mid}`),
  fc.constantFrom('a=sendonly', 'a=recvonly', 'a=bundle-only'),
);
const section = fc
  .tuple(fc.constantFrom('audio', 'video', 'application'), fc.array(payload), fc.array(line))
  .map(([kind, types, lines]) => [`m=${kind} 9 UDP/TLS/RTP/SAVPF 96 97 0 ${types.join(' ')}`.trim(), ...lines]);
const FINGERPRINT = `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`;
const made = fc
  .array(section, { minLength: 1, maxLength: 4 })
  .map((media) =>
    ['v=0', 'a=ice-ufrag:abcd', `a=ice-pwd:${'p'.repeat(22)}`, FINGERPRINT, ...media.flat(), ''].join('\r\n'),
  );
/** An offer of a real client, with its numbers changed. */
const spoilt = fc
  .tuple(fc.constantFrom(...OFFERS), fc.array(number, { minLength: 1, maxLength: 30 }), fc.nat())
  .map(([client, numbers, seed]) => {
    let at = seed;
    return offer(client).replaceAll(/\d+/g, (old) => (at++ % 7 === 0 ? String(numbers[at % numbers.length]) : old));
  });

describe('what main is told of a publisher', () => {
  test('fits its schema, whatever offer was accepted', async () => {
    const publish = await makePublish();
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(made, spoilt), (sdp) => {
        const snapshot = publish(sdp);
        if (snapshot === undefined) return;
        accepted++;
        expect(SessionSnapshot.safeParse(snapshot).error?.issues ?? []).toEqual([]);
      }),
      { numRuns: 1000 },
    );
    // About a tenth is; who fails here tests nothing any more.
    expect(accepted).toBeGreaterThan(20);
  });
});
