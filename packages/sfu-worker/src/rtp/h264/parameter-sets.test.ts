import { describe, expect, test } from 'vitest';
import { eachH264NalUnit } from './nal.ts';
import { ParameterSets, parseSpropParameterSets } from './parameter-sets.ts';

const SPS_360P = Buffer.from('6764001eacd940a02ff97011000003000100000300320f162d96', 'hex');
const SPS_1080P = Buffer.from('67640028acd940780227e5c044000003000400000300c83c60c658', 'hex');
const PPS = Buffer.from('68ebe3cb22c0', 'hex'); // id 0, of SPS 0
const PPS_1 = Buffer.from([0x68, 0b0101_1000]); // id 1, of SPS 0
const stapA = (...nals: Buffer[]) =>
  Buffer.concat([
    Buffer.from([24]),
    ...nals.flatMap((nal) => [Buffer.from([nal.length >> 8, nal.length & 0xff]), nal]),
  ]);
/** ue(v) of H.264 §9.1 for values below 127, and a one for the rest of the second byte's bits that are read next. */
const exponentialGolomb = (value: number) => {
  const bits = (value + 1).toString(2);
  const code = `${'0'.repeat(bits.length - 1)}${bits}1`.padEnd(16, '1');
  return [Number.parseInt(code.slice(0, 8), 2), Number.parseInt(code.slice(8), 2)];
};
const learn = (sets: ParameterSets, payload: Buffer, nowMs = 0) => sets.learn(payload, 0, payload.length, nowMs);

describe('ParameterSets', () => {
  test('learns from single NAL units and from a STAP-A, and says when something is new', () => {
    const sets = new ParameterSets();
    expect(learn(sets, PPS)).toBe(true);
    expect(sets.isComplete).toBe(false);
    expect(learn(sets, stapA(SPS_360P, PPS))).toBe(true);
    expect(sets.isComplete).toBe(true);
    expect(learn(sets, stapA(SPS_360P, PPS))).toBe(false);
    expect(sets.nalUnits).toEqual([SPS_360P, PPS]);
  });

  test('owns its bytes', () => {
    const sets = new ParameterSets();
    const borrowed = Buffer.from(SPS_360P);
    learn(sets, borrowed);
    borrowed.fill(0);
    expect(sets.sps).toEqual(SPS_360P);
  });

  test('a new SPS takes the place of the old one, whose PPS go with it', () => {
    const sets = new ParameterSets();
    learn(sets, stapA(SPS_360P, PPS, PPS_1));
    learn(sets, SPS_1080P);
    expect(sets.nalUnits).toEqual([SPS_1080P]);
    expect(sets.isComplete).toBe(false);
    learn(sets, PPS);
    expect(sets.nalUnits).toEqual([SPS_1080P, PPS]);
  });

  test('writes a STAP-A that reads back as the same units', () => {
    const sets = new ParameterSets();
    learn(sets, stapA(PPS_1, PPS, SPS_360P));
    const buffer = Buffer.alloc(200);
    const end = sets.writeStapA(buffer, 3);
    expect(end - 3).toBe(sets.stapABytes);
    expect(buffer[3]).toBe(0x60 | 24); // NRI 3, type 24
    const units: Buffer[] = [];
    eachH264NalUnit(buffer, 3, end, (bytes, from, to) => units.push(bytes.subarray(from, to)));
    expect(units).toEqual([SPS_360P, PPS, PPS_1]);
  });

  test('writes nothing where there is nothing to say or no room', () => {
    const sets = new ParameterSets();
    expect(sets.writeStapA(Buffer.alloc(99), 5)).toBe(5);
    learn(sets, stapA(SPS_360P, PPS));
    expect(sets.writeStapA(Buffer.alloc(sets.stapABytes - 1), 0)).toBe(0);
    sets.clear();
    expect([sets.stapABytes, sets.nalUnits.length]).toEqual([0, 0]);
  });

  test('tells the profile-level-id of the newest SPS', () => {
    const sets = new ParameterSets();
    expect(sets.profileLevelId).toBeUndefined();
    learn(sets, SPS_360P);
    expect(sets.profileLevelId).toBe('64001e');
    learn(sets, SPS_1080P);
    expect(sets.profileLevelId).toBe('640028');
  });

  test('stays small whatever a source sends', () => {
    const sets = new ParameterSets();
    for (let value = 1; value < 3000; value++)
      learn(sets, Buffer.from([0x68, value >> 8, value & 0xff, 0x80, value & 0xff]), value * 1000);
    learn(sets, Buffer.concat([SPS_360P, Buffer.alloc(5000, 1)]));
    expect(sets.nalUnits.length).toBeLessThanOrEqual(16);
    expect(sets.sps).toBeUndefined();
  });

  const newPps = (value: number) => Buffer.from([0x68, 0b1100_0000, 0x80 | (value >> 8), 0x80 | (value & 0x7f), 0xff]);

  test('looks at eight sets of a payload', () => {
    const sets = new ParameterSets();
    const pps = Array.from({ length: 20 }, (_, id) => Buffer.from([0x68, ...exponentialGolomb(id), 0xff]));
    learn(sets, stapA(...pps));
    expect(sets.nalUnits).toEqual(pps.slice(0, 8));
  });

  test('takes sixteen new sets a second, and knows the last of them', () => {
    const sets = new ParameterSets();
    const learns = (nowMs: number) => Array.from({ length: 40 }, (_, n) => learn(sets, newPps(nowMs + n), nowMs));
    expect(learns(0).filter((isNew) => isNew)).toHaveLength(16);
    expect(sets.nalUnits).toEqual([newPps(15)]);
    expect(learns(999).filter((isNew) => isNew)).toHaveLength(0);
    expect(learns(1000).filter((isNew) => isNew)).toHaveLength(16);
  });

  test.each([
    ['an SPS without its id', Buffer.from([0x67, 0x64, 0x00, 0x1e])],
    ['a PPS of zeros', Buffer.from([0x68, 0, 0, 0, 0, 0, 0])],
    ['an SPS with id 32', Buffer.from([0x67, 0x64, 0, 0x1e, 0b0000_0100, 0b0010_0000])],
    ['a fragment of an SPS', Buffer.concat([Buffer.from([28, 0x87]), SPS_360P.subarray(1)])],
    ['a STAP-A whose unit runs past the end', stapA(SPS_360P).subarray(0, -1)],
    ['nothing', Buffer.alloc(0)],
  ])('does not learn %s', (_name, payload) => {
    const sets = new ParameterSets();
    expect(learn(sets, payload)).toBe(false);
    expect(sets.nalUnits).toEqual([]);
  });
});

describe('parseSpropParameterSets', () => {
  const value = `${SPS_360P.toString('base64')},${PPS.toString('base64')}`;

  test('reads an fmtp, and the value alone', () => {
    expect(parseSpropParameterSets(`packetization-mode=1; Sprop-Parameter-Sets=${value};x=y`)).toEqual([SPS_360P, PPS]);
    expect(parseSpropParameterSets(value)).toEqual([SPS_360P, PPS]);
  });

  test('takes start codes off', () => {
    const annexB = Buffer.concat([Buffer.from([0, 0, 0, 1]), SPS_360P]).toString('base64');
    expect(parseSpropParameterSets(annexB)).toEqual([SPS_360P]);
  });

  test.each([
    '',
    ',,,',
    'packetization-mode=1',
    'sprop-parameter-sets=',
    'sprop-parameter-sets=!!,*',
    'A'.repeat(99_999),
  ])('has nothing to say about %.30s', (text) => expect(parseSpropParameterSets(text)).toEqual([]));
});
