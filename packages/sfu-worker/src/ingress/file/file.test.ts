import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { groupAccessUnits, splitAnnexB } from './annex-b.ts';
import { readOggPackets } from './ogg.ts';

const assets = new URL('../../../../signaling/assets/', import.meta.url);

test('start codes of three and four bytes and trailing zeros are told from NAL units', () => {
  const stream = Buffer.from('00000001' + '6742' + '000001' + '68ce' + '0000' + '00000001' + '6588', 'hex');
  expect(splitAnnexB(stream).map((unit) => unit.toString('hex'))).toEqual(['6742', '68ce', '6588']);
  expect(splitAnnexB(Buffer.from('no start code'))).toEqual([]);
  expect(splitAnnexB(Buffer.from('000001', 'hex'))).toEqual([]);
});

test('slices of one picture stay together, parameter sets go with the picture behind them', () => {
  const unit = (type: number, first = 0x80) => Buffer.from([type, first]);
  const units = [unit(0x67), unit(0x68), unit(0x65), unit(0x65, 0x40), unit(0x41), unit(0x09), unit(0x41)];
  expect(groupAccessUnits(units).map((frame) => frame.length)).toEqual([4, 1, 2]);
});

test('the demo clip has twelve seconds of pictures and sound, and begins with a keyframe', () => {
  const frames = groupAccessUnits(splitAnnexB(readFileSync(new URL('demo.h264', assets))));
  expect(frames).toHaveLength(300);
  expect(frames[0]?.some((unit) => ((unit[0] as number) & 0x1f) === 5)).toBe(true);
  expect(readOggPackets(readFileSync(new URL('demo.ogg', assets))).length).toBeGreaterThanOrEqual(600);
});

test('a truncated Ogg file gives the packets before the damage', () => {
  const whole = readFileSync(new URL('demo.ogg', assets));
  const packets = readOggPackets(whole).length;
  for (const length of [0, 10, 27, 30, 1000, whole.length - 7]) {
    expect(readOggPackets(whole.subarray(0, length)).length).toBeLessThan(packets);
  }
});
