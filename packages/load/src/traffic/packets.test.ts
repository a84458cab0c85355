import { expect, test } from 'vitest';
import { MarkCheck } from './mark-check.ts';
import { FRAMES_PER_SECOND, FrameWriter, nowMs, PACKET_BYTES, packetsOfFrames } from './packets.ts';

test.for([500_000, 1_000_000, 2_345_678, 8_000_000, 50_000_000])('a second of frames has %i bit/s', (bitrateBps) => {
  const packets = packetsOfFrames(bitrateBps);
  expect(packets).toHaveLength(FRAMES_PER_SECOND);
  expect(Math.min(...packets)).toBeGreaterThanOrEqual(2);
  const bits = packets.reduce((sum, count) => sum + count, 0) * PACKET_BYTES * 8;
  expect(Math.abs(bits - bitrateBps)).toBeLessThanOrEqual(PACKET_BYTES * 8);
});

/** The RTP packets of some frames. */
function written(frames: number): Buffer[] {
  const writer = new FrameWriter(1, 0);
  const packets: Buffer[] = [];
  for (let i = 0; i < frames; i++) {
    const out = Buffer.alloc(10 * (PACKET_BYTES + 4));
    const end = writer.write(out, nowMs());
    for (let at = 0; at < end; at += 4 + out.readUInt16BE(at + 2)) {
      packets.push(out.subarray(at + 4, at + 4 + out.readUInt16BE(at + 2)));
    }
  }
  return packets;
}

test('every marked packet is right in its place, and wrong in that of another', () => {
  const packets = written(60);
  const inOrder = new MarkCheck();
  const verdicts = packets.map((packet, index) => inOrder.check(packet, 12, packet.length, index));
  expect(new Set(verdicts)).toEqual(new Set(['right', 'unmarked']));
  expect(verdicts.filter((verdict) => verdict === 'unmarked')).toHaveLength(2); // parameter sets of two keyframes
  expect(inOrder.latencyMs).toBeGreaterThanOrEqual(0);

  const [, first, second, third] = packets;
  if (first === undefined || second === undefined || third === undefined) throw new Error('too few packets');
  const exchanged = new MarkCheck();
  expect(exchanged.check(second, 12, second.length, 1)).toBe('right'); // nobody knows better yet
  expect(exchanged.check(first, 12, first.length, 2)).toBe('wrong');
  const doubled = new MarkCheck();
  doubled.check(first, 12, first.length, 1);
  expect(doubled.check(first, 12, first.length, 2)).toBe('wrong');
  expect(doubled.check(third, 12, third.length, 3)).toBe('wrong'); // further on than its place
});
