import { SESSION_DOUBLES, TRACK_COUNTER } from '@shardcast/shared';
import fc from 'fast-check';
import type { FastPath } from '../../src/fastpath/fast-path.ts';
import { Leg } from '../../src/forward/leg.ts';
import { LegGroup } from '../../src/forward/leg-group.ts';
import type { LegTable } from '../../src/forward/leg-table.ts';
import { PACKET, PacketBatch } from '../../src/forward/packet-batch.ts';
import { SrtpSender } from '../../src/session/srtp/protect.ts';
import type { SrtpProfile } from '../../src/session/srtp/session-keys.ts';

/** Sessions that `makeLegs` can make in one block of counters. */
export const MAX_LEGS = 9;

/** Random packets of a track, as a list: plain, large, empty, late, and too large for a slot. */
export const packets = fc.array(
  fc.record({
    bytes: fc.oneof(
      { weight: 6, arbitrary: fc.constant(1165) },
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 1472 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1472, max: 1600 }) },
    ),
    step: fc.integer({ min: -3, max: 5 }),
    timestamp: fc.integer({ min: 0, max: 0xffff_ffff }),
    flags: fc.constantFrom(0, PACKET.MARKER),
  }),
  { minLength: 1, maxLength: 40 },
);
const leg = fc.record({
  profile: fc.constantFrom<SrtpProfile>(1, 7),
  out: fc.oneof(fc.integer({ min: 0, max: 0x3fff }), fc.integer({ min: 65_500, max: 65_540 })),
  startAt: fc.integer({ min: 90, max: 110 }),
  timestampOffset: fc.integer({ min: 0, max: 0x7fff_ffff }),
  payloadType: fc.integer({ min: 96, max: 127 }),
});
export const legs = (most: number) => fc.array(leg, { minLength: 1, maxLength: most });
export type LegSpec = typeof leg extends fc.Arbitrary<infer T> ? T : never;
export type PacketSpec = (typeof packets extends fc.Arbitrary<infer T> ? T : never)[number];

export function batchOf(specs: readonly PacketSpec[]): PacketBatch {
  const batch = new PacketBatch(64);
  let index = 100;
  for (const [i, { bytes, step, timestamp, flags }] of specs.entries()) {
    const buffer = Buffer.alloc(bytes + 8, i + 1);
    index = Math.max(0, index + step);
    batch.add(buffer, 5, 5 + bytes, index, timestamp, flags);
  }
  return batch;
}

/** A session each, with keys that follow from its number. */
export function makeLegs(
  path: FastPath,
  table: LegTable,
  counters: SharedArrayBuffer,
  specs: readonly LegSpec[],
  port: number,
) {
  const group = new LegGroup();
  specs.forEach((spec, i) => {
    const sender = new SrtpSender(
      spec.profile,
      Buffer.alloc(16, i + 1).toString('base64'),
      Buffer.alloc(spec.profile === 7 ? 12 : 14, i + 101).toString('base64'),
    );
    const channel = path.openChannel(sender);
    path.setDestination(channel, { address: '127.0.0.1', port });
    const leg = new Leg({
      table,
      channel,
      ssrc: 0xca00_0000 + i,
      payloadType: spec.payloadType,
      codec: { name: 'H264', clockRate: 90_000, fmtp: '' },
      counters: new Float64Array(counters, i * SESSION_DOUBLES * 8, SESSION_DOUBLES),
      track: i % 2,
      joinedAtMs: 0,
    });
    leg.timestampOffset = spec.timestampOffset;
    leg.setCounter(TRACK_COUNTER.OUT, spec.out);
    leg.startAt(spec.startAt);
    group.add(leg);
  });
  return group;
}
