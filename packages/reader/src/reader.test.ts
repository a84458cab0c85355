import { expect, test } from 'vitest';
import { receivedProgress } from './reader.ts';

// RTCStatsReport is a read-only map; a Map has what is used of it.
const report = (...entries: Record<string, unknown>[]) =>
  new Map(entries.map((entry, index) => [String(index), entry])) as unknown as RTCStatsReport;

test('video progresses by frames, whatever audio does', () => {
  const video = { type: 'inbound-rtp', kind: 'video', packetsReceived: 90, framesReceived: 7 };
  const audio = { type: 'inbound-rtp', kind: 'audio', packetsReceived: 50 };
  expect(receivedProgress(report(video, audio, { type: 'transport', packetsReceived: 1 }))).toBe(7);
  expect(receivedProgress(report({ ...video, framesReceived: undefined, framesDecoded: 6 }))).toBe(6);
});

test('audio alone progresses by packets', () => {
  const idle = { type: 'inbound-rtp', kind: 'video', packetsReceived: 0, framesReceived: 0 };
  expect(receivedProgress(report(idle, { type: 'inbound-rtp', kind: 'audio', packetsReceived: 50 }))).toBe(50);
  expect(receivedProgress(report())).toBe(0);
});
