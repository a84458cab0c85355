import { describe, expect, test } from 'vitest';
import { eachH265NalUnit } from './nal.ts';
import { H265ParameterSets, parseH265Sprop } from './parameter-sets.ts';

const VPS = Buffer.from('40010c01ffff01600000030090000003000003003f959809', 'hex');
const SPS = Buffer.from('42010101600000030090000003000003003fa00502016965959a4932bc05a02000000300200000030321', 'hex');
const SPS_1080P = Buffer.from(
  '420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84',
  'hex',
);
const PPS = Buffer.from('4401c172b46240', 'hex');
const learn = (sets: H265ParameterSets, payload: Buffer, nowMs = 0) => sets.learn(payload, 0, payload.length, nowMs);

describe('H265ParameterSets', () => {
  test('learns single units, writes them as an AP, and learns the same from it', () => {
    const sets = new H265ParameterSets();
    expect([PPS, VPS, SPS].map((nal) => learn(sets, nal))).toEqual([true, true, true]);
    expect(sets.isComplete).toBe(true);
    expect(sets.nalUnits).toEqual([VPS, SPS, PPS]);

    const buffer = Buffer.alloc(200);
    const end = sets.writeAp(buffer, 1);
    expect(end - 1).toBe(sets.apBytes);
    expect([...buffer.subarray(1, 3)]).toEqual([48 << 1, 1]); // type 48, layer 0, temporal id 0
    const units: Buffer[] = [];
    eachH265NalUnit(buffer, 1, end, (bytes, from, to) => units.push(bytes.subarray(from, to)));
    expect(units).toEqual([VPS, SPS, PPS]);
    expect(sets.learn(buffer, 1, end, 0)).toBe(false);
  });

  test('a new SPS drops the PPS that refer to the old one', () => {
    const sets = new H265ParameterSets();
    for (const nal of [VPS, SPS, PPS, SPS_1080P]) learn(sets, nal);
    expect(sets.nalUnits).toEqual([VPS, SPS_1080P]);
    expect(sets.sps).toEqual(SPS_1080P);
  });

  test('looks at eight sets of a payload, and takes sixteen new ones a second', () => {
    const sets = new H265ParameterSets();
    let value = 0;
    const vps = () => Buffer.from([0x40, 0x01, 0x0c, 0x01, 0x80 | (value >> 7), 0x80 | (value++ & 0x7f)]); // id 0
    const units = Array.from({ length: 40 }, vps);
    const sized = units.flatMap((nal) => [0, nal.length, ...nal]);
    expect(learn(sets, Buffer.from([48 << 1, 1, ...sized]))).toBe(true);
    expect(sets.nalUnits).toEqual([units[7]]);
    const learns = (nowMs: number) => Array.from({ length: 40 }, () => learn(sets, vps(), nowMs));
    expect(learns(0).filter((isNew) => isNew)).toHaveLength(8);
    expect(learns(1000).filter((isNew) => isNew)).toHaveLength(16);
  });

  test('writes nothing where there is nothing to say or no room', () => {
    const sets = new H265ParameterSets();
    expect(sets.writeAp(Buffer.alloc(9), 2)).toBe(2);
    learn(sets, SPS);
    expect(sets.writeAp(Buffer.alloc(9), 2)).toBe(2);
    sets.clear();
    expect(sets.apBytes).toBe(0);
  });

  test.each([
    ['an SPS that is cut off', SPS.subarray(0, 10)],
    ['a PPS of zeros', Buffer.alloc(9).fill(0x44, 0, 1)],
    ['a slice', Buffer.from([0x26, 0x01, 0xaf])],
    ['a fragment', Buffer.concat([Buffer.from([0x62, 0x01, 0x80 | 33]), SPS.subarray(2)])],
  ])('does not learn %s', (_name, payload) => {
    expect(learn(new H265ParameterSets(), payload)).toBe(false);
  });
});

test('parseH265Sprop reads the three parameters in decoding order', () => {
  const text = `sprop-pps=${PPS.toString('base64')}; sprop-sps=${SPS.toString('base64')};sprop-vps=${VPS.toString('base64')}`;
  expect(parseH265Sprop(text)).toEqual([VPS, SPS, PPS]);
  expect(parseH265Sprop('profile-id=1;sprop-vps')).toEqual([]);
});
