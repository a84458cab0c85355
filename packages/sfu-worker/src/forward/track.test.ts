import { Telemetry, TRACK_COUNTER, WORKER } from '@shardcast/shared';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PlainPath } from '../../test/fastpath/plain-path.ts';
import type { Leg } from './leg.ts';
import { PacketPool } from './packet-pool.ts';
import { Track } from './track.ts';
import { TrackCommons } from './track-viewers.ts';

/** What a viewer receives: the header fields that we rewrite, and the payload. */
type Received = { sequence: number; timestamp: number; marker: boolean; ssrc: number; payload: Buffer; index: number };

const MAX_PAYLOAD = 1200;

/** Of the track made last. */
let plain: PlainPath;

function makeTrack(options: { maxPayloadBytes?: number; cacheBytes?: number; parameterSets?: Buffer[] } = {}) {
  const telemetry = new Telemetry(Telemetry.allocate());
  plain = new PlainPath(new PacketPool(64), telemetry);
  let keyframesWanted = 0;
  const track = new Track(
    {
      kind: 'video',
      codec: { name: 'H264', clockRate: 90_000, fmtp: 'packetization-mode=1' },
      payloadType: 96,
      ...(options.parameterSets === undefined ? {} : { parameterSets: options.parameterSets }),
    },
    {
      kind: 'video',
      fastPath: plain.path,
      telemetry,
      slot: 0,
      cacheLimits: { maxBytes: options.cacheBytes ?? 1 << 20, maxAgeMs: 10_000 },
      commons: new TrackCommons(),
      maxPayloadBytes: options.maxPayloadBytes ?? MAX_PAYLOAD,
      history: undefined,
      onKeyframeWanted: () => keyframesWanted++,
    },
  );
  return { track, telemetry, keyframesWanted: () => keyframesWanted };
}

function makeViewer(out = 100): { leg: Leg; received: Received[] } {
  const received: Received[] = [];
  const leg = plain.open(
    ({ bytes, start, length, index }) => {
      received.push({
        sequence: bytes.readUInt16BE(start + 2),
        timestamp: bytes.readUInt32BE(start + 4),
        marker: ((bytes[start + 1] as number) & 0x80) !== 0,
        ssrc: bytes.readUInt32BE(start + 8),
        payload: Buffer.from(bytes.subarray(start + 12, start + length)),
        index,
      });
    },
    { ssrc: 0xcafe, payloadType: 102 },
  );
  leg.setCounter(TRACK_COUNTER.OUT, out);
  return { leg, received };
}

const IDR = 0x65;
const SLICE = 0x41;
const SPS = Buffer.from('6742c01fd9005005bb0110000003001000000303c0f183248001', 'hex').subarray(0, 20);
const PPS = Buffer.from('68cb83cb20', 'hex');

function rtp(sequence: number, timestamp: number, payload: Buffer, marker: boolean, ssrc = 1): Buffer {
  const packet = Buffer.alloc(12 + payload.length);
  packet[0] = 0x80;
  packet[1] = (marker ? 0x80 : 0) | 96;
  packet.writeUInt16BE(sequence & 0xffff, 2);
  packet.writeUInt32BE(timestamp >>> 0, 4);
  packet.writeUInt32BE(ssrc, 8);
  payload.copy(packet, 12);
  return packet;
}
const nal = (type: number, bytes: number) => Buffer.concat([Buffer.from([type, 0x80]), Buffer.alloc(bytes - 2, 7)]);

function feed(track: Track, nowMs: number, packet: Buffer, flush = true): void {
  track.beginRead(nowMs);
  track.receive(packet, 0, packet.length);
  if (flush) track.flush();
}

test('a viewer who joins before the keyframe begins with it, one who joins later gets it from the cache', () => {
  const { track, keyframesWanted } = makeTrack();
  const early = makeViewer();
  track.viewers.add(early.leg, 0);
  expect(keyframesWanted()).toBe(1);
  feed(track, 0, rtp(1, 0, nal(SLICE, 50), true)); // nothing can be decoded yet
  expect(early.received).toHaveLength(0);
  feed(track, 40, rtp(2, 3600, nal(IDR, 80), true));
  feed(track, 80, rtp(3, 7200, nal(SLICE, 50), true));
  expect(early.received.map(({ payload }) => payload[0])).toEqual([IDR, SLICE]);

  const late = makeViewer(500);
  track.viewers.add(late.leg, 90);
  expect(late.received.map(({ payload }) => payload[0])).toEqual([IDR, SLICE]);
  feed(track, 120, rtp(4, 10_800, nal(SLICE, 50), true));
  expect(late.received.map(({ sequence }) => sequence)).toEqual([500, 501, 502]);
  // The backlog is compressed in time and ends at the live edge.
  const [first, second, third] = late.received.map(({ timestamp }) => timestamp) as [number, number, number];
  expect((second - first + 2 ** 32) % 2 ** 32).toBe(90);
  expect((third - second + 2 ** 32) % 2 ** 32).toBe(3600);
});

test('a payload type that was not agreed is counted and reaches nobody', () => {
  const { track, telemetry } = makeTrack();
  const { leg, received } = makeViewer();
  track.viewers.add(leg, 0);
  feed(track, 0, rtp(1, 0, nal(IDR, 80), true));
  const other = rtp(2, 3600, nal(SLICE, 50), true);
  other[1] = 0x80 | 97;
  feed(track, 40, other);
  expect([received.length, telemetry.counters[WORKER.droppedUnknownSource]]).toEqual([1, 1]);
});

test('a large backlog is paced, live packets queue behind it, and nothing is lost or doubled', () => {
  const { track } = makeTrack({ cacheBytes: 4 << 20 });
  let sequence = 0;
  feed(track, 0, rtp(sequence++, 0, nal(IDR, 1000), true));
  for (let frame = 1; frame < 200; frame++)
    feed(track, frame * 40, rtp(sequence++, frame * 3600, nal(SLICE, 1000), true));
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 8000);
  expect(viewer.leg.state).toBe('catching-up');
  expect(viewer.received.length).toBeLessThan(80);
  let frame = 200;
  for (let turn = 0; turn < 100 && viewer.leg.state !== 'live'; turn++) {
    feed(track, frame * 40, rtp(sequence++, frame * 3600, nal(SLICE, 1000), true));
    frame++;
    track.viewers.pace(frame * 40, () => false);
  }
  expect(viewer.leg.state).toBe('live');
  feed(track, frame * 40, rtp(sequence++, frame * 3600, nal(SLICE, 1000), true));
  expect(viewer.received).toHaveLength(sequence);
  expectContiguous(viewer.received);
  expectForwardInTime(viewer.received);
});

test('past its budget the cache gives the keyframe alone, and the viewer goes on with the next one', () => {
  const { track, keyframesWanted } = makeTrack({ cacheBytes: 3000 });
  feed(track, 0, rtp(0, 0, nal(IDR, 1000), true));
  for (let i = 1; i < 6; i++) feed(track, i * 40, rtp(i, i * 3600, nal(SLICE, 1000), true));
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 300);
  expect(viewer.received.map(({ payload }) => payload[0])).toEqual([IDR]);
  expect(keyframesWanted()).toBe(1);
  feed(track, 320, rtp(6, 6 * 3600, nal(SLICE, 1000), true));
  feed(track, 360, rtp(7, 7 * 3600, nal(IDR, 1000), true));
  expect(viewer.received.map(({ payload }) => payload[0])).toEqual([IDR, IDR]);
  expectContiguous(viewer.received);
});

test('a camera that comes back with another SSRC, sequence and clock keeps its viewers, from its first keyframe on', () => {
  const { track } = makeTrack();
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 0);
  feed(track, 0, rtp(1, 0, nal(IDR, 80), true));
  feed(track, 40, rtp(2, 3600, nal(SLICE, 80), true));
  feed(track, 5000, rtp(40_000, 99, nal(SLICE, 80), true, 2));
  feed(track, 5040, rtp(40_001, 3699, nal(IDR, 80), true, 2));
  expect(viewer.received.map(({ payload }) => payload[0])).toEqual([IDR, SLICE, IDR]);
  expectContiguous(viewer.received);
  expectForwardInTime(viewer.received);
  expect(new Set(viewer.received.map(({ ssrc }) => ssrc)).size).toBe(1);
});

test('parameter sets that only the SDP has go before every keyframe, and only there', () => {
  const { track } = makeTrack({ parameterSets: [SPS, PPS] });
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 0);
  feed(track, 0, rtp(1, 0, nal(IDR, 80), false));
  feed(track, 0, rtp(2, 0, nal(IDR, 80), true)); // a second slice of the same picture
  feed(track, 40, rtp(3, 3600, nal(SLICE, 80), true));
  feed(track, 80, rtp(4, 7200, nal(IDR, 80), true));
  const STAP_A = 24;
  expect(viewer.received.map(({ payload }) => (payload[0] as number) & 0x1f)).toEqual([STAP_A, 5, 5, 1, STAP_A, 5]);
  expectContiguous(viewer.received);
  expect(track.profileLevelId).toBe(SPS.toString('hex', 1, 4));
});

test('packets too large for the path are fragmented once, and the frame keeps one marker at its end', () => {
  const { track } = makeTrack();
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 0);
  feed(track, 0, rtp(1, 0, nal(IDR, 5000), true));
  feed(track, 40, rtp(2, 3600, nal(SLICE, 100), true));
  expect(viewer.received.length).toBe(6);
  expect(viewer.received.every(({ payload }) => payload.length <= MAX_PAYLOAD)).toBe(true);
  expect(viewer.received.map(({ marker }) => marker)).toEqual([false, false, false, false, true, true]);
  expectContiguous(viewer.received);
});

test('a pace that runs out of time goes on with those who were left behind', () => {
  const { track } = makeTrack({ cacheBytes: 400_000 });
  for (let frame = 0; frame < 40; frame++) {
    for (let part = 0; part < 5; part++) {
      const isKey = frame === 0 && part === 0;
      feed(track, frame * 40, rtp(frame * 5 + part, frame * 3600, nal(isKey ? IDR : SLICE, 1000), part === 4));
    }
  }
  const viewers = [makeViewer(), makeViewer()];
  for (const { leg } of viewers) track.viewers.add(leg, 1600);
  const received = () => viewers.map((viewer) => viewer.received.length);
  const begun = received();
  let asked = 0;
  const afterOne = () => asked++ > 0;
  expect(track.viewers.pace(1605, afterOne)).toBe(true);
  const once = received();
  expect(once.map((count, i) => count > (begun[i] ?? 0))).toEqual([true, false]);
  asked = 0;
  expect(track.viewers.pace(1610, afterOne)).toBe(true);
  expect(received().map((count, i) => count > (once[i] ?? 0))).toEqual([false, true]);
  while (track.viewers.pace(1615, () => false)) {}
  expect(received()).toEqual([200, 200]);
});

test('whatever a source sends, no packet index is used twice and every payload is whole', () => {
  const packet = fc.record({
    jump: fc.constantFrom(1, 1, 1, 1, 2, 5, -1, -2, -3, 0, 5000, -5000),
    frame: fc.boolean(),
    key: fc.boolean(),
    bytes: fc.constantFrom(3, 40, 1200, 1201, 3000),
    ssrc: fc.constantFrom(1, 1, 1, 1, 1, 2),
    flush: fc.boolean(),
    padding: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 120 }), fc.integer({ min: 0, max: 60 }), (packets, joinAt) => {
      const { track } = makeTrack({ parameterSets: [SPS, PPS], cacheBytes: 20_000 });
      const viewers = [makeViewer(0x3fff)];
      track.viewers.add(viewers[0]?.leg as Leg, 0);
      let sequence = 65_500;
      let timestamp = 0;
      packets.forEach(({ jump, frame, key, bytes, ssrc, flush, padding }, i) => {
        if (i === joinAt) {
          const viewer = makeViewer(1);
          viewers.push(viewer);
          track.viewers.add(viewer.leg, i * 10);
        }
        sequence = (sequence + jump) & 0xffff;
        if (frame) timestamp += 3600;
        feed(
          track,
          i * 10,
          rtp(sequence, timestamp, padding ? Buffer.alloc(0) : nal(key ? IDR : SLICE, bytes), frame, ssrc),
          flush,
        );
        track.viewers.pace(i * 10, () => false);
      });
      track.flush();
      for (const { leg, received } of viewers) {
        const indexes = received.map(({ index }) => index);
        expect(new Set(indexes).size).toBe(indexes.length);
        expect(received.every(({ payload }) => payload.length > 0 && payload.length <= MAX_PAYLOAD)).toBe(true);
        for (const index of indexes) expect(index).toBeLessThan(leg.counter(TRACK_COUNTER.OUT));
      }
    }),
    { numRuns: 300 },
  );
});

test('a packet that was missing when the first keyframe came gets no index of its parameter sets', () => {
  const { track } = makeTrack({ parameterSets: [SPS, PPS] });
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 0);
  feed(track, 0, rtp(1, 0, Buffer.alloc(0), false)); // a probe
  feed(track, 0, rtp(3, 0, nal(IDR, 40), false)); // two packets out
  feed(track, 0, rtp(2, 0, nal(SLICE, 40), false)); // late
  expect(viewer.received.map(({ index }) => index - (viewer.received[0]?.index ?? 0))).toEqual([0, 1]);
});

test('random bytes are counted and go nowhere', () => {
  const { track, telemetry } = makeTrack();
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const packet = Buffer.from(bytes);
      track.beginRead(0);
      track.receive(packet, 0, packet.length);
      track.receiveRtcp(packet, 0, packet.length);
      track.flush();
    }),
    { numRuns: 2000 },
  );
  expect(telemetry.worker('droppedMalformed')).toBeGreaterThan(0);
  expect(WORKER.droppedMalformed).toBeGreaterThan(0);
});

test('a viewer who lost its picture gets the GOP again from the cache, forward in time, once a second', () => {
  const { track } = makeTrack();
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 0);
  let sequence = 0;
  const play = (frame: number, type: number) =>
    feed(track, frame * 40, rtp(sequence++, frame * 3600, nal(type, 300), true));
  play(0, IDR);
  for (let frame = 1; frame < 50; frame++) play(frame, SLICE);
  expect(track.viewers.recover(viewer.leg, 2000)).toBe(true);
  expect(viewer.leg.state).toBe('live');
  expect(track.viewers.recover(viewer.leg, 2100)).toBe(false);
  for (let frame = 50; frame < 60; frame++) play(frame, SLICE);
  expect(viewer.received.map(({ payload }) => payload[0]).filter((type) => type === IDR)).toHaveLength(2);
  expect(viewer.received).toHaveLength(50 + 50 + 10);
  expectContiguous(viewer.received);
  for (let i = 1; i < viewer.received.length; i++) {
    const delta = (viewer.received[i] as Received).timestamp - (viewer.received[i - 1] as Received).timestamp;
    expect((delta + 2 ** 32) % 2 ** 32).toBeGreaterThan(0);
    expect((delta + 2 ** 32) % 2 ** 32).toBeLessThanOrEqual(3600);
  }
});

test('a viewer who lost packets to a full socket gets nothing before the next keyframe, and all from there on', () => {
  const { track, telemetry, keyframesWanted } = makeTrack();
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 0);
  feed(track, 0, rtp(1, 0, nal(IDR, 80), true));
  feed(track, 40, rtp(2, 3600, nal(SLICE, 50), true));
  const wanted = keyframesWanted();
  plain.queued = 1; // no slot comes back
  let sequence = 3;
  while (telemetry.counters[WORKER.droppedNoSlot] === 0 && sequence < 100) {
    feed(track, sequence * 40, rtp(sequence, sequence * 3600, nal(SLICE, 51), true));
    sequence++;
  }
  expect(keyframesWanted()).toBe(wanted + 1);
  plain.queued = 0;
  const before = viewer.received.length;
  feed(track, 4000, rtp(sequence, 360_000, nal(SLICE, 52), true)); // of no use to a decoder
  feed(track, 4040, rtp(sequence + 1, 363_600, nal(IDR, 81), true));
  feed(track, 4080, rtp(sequence + 2, 367_200, nal(SLICE, 53), true));
  expect(viewer.received.slice(before).map(({ payload }) => payload.length)).toEqual([81, 53]);
  expect(telemetry.counters[WORKER.droppedNoSlot]).toBe(1);
});

test('a viewer who leaves gets nothing more', () => {
  const { track } = makeTrack();
  const viewer = makeViewer();
  track.viewers.add(viewer.leg, 0);
  feed(track, 0, rtp(1, 0, nal(IDR, 80), true));
  track.viewers.remove(viewer.leg);
  feed(track, 40, rtp(2, 3600, nal(SLICE, 80), true));
  expect(viewer.received).toHaveLength(1);
});

function expectContiguous(received: readonly Received[]): void {
  const first = received[0]?.index ?? 0;
  expect(received.map(({ index }) => index - first)).toEqual(received.map((_, i) => i));
}

function expectForwardInTime(received: readonly Received[]): void {
  for (let i = 1; i < received.length; i++) {
    const delta = ((received[i] as Received).timestamp - (received[i - 1] as Received).timestamp + 2 ** 32) % 2 ** 32;
    expect(delta).toBeLessThan(2 ** 31);
  }
}
