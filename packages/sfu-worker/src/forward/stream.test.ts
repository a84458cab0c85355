import { ShardcastError, STREAM, Telemetry } from '@shardcast/shared';
import { beforeEach, describe, expect, test } from 'vitest';
import { PlainPath } from '../../test/fastpath/plain-path.ts';
import type { SourceDescription, SourceSink, Upstream } from './ingest.ts';
import { PacketPool } from './packet-pool.ts';
import { type Reader, Stream } from './stream.ts';
import { TrackCommons } from './track-viewers.ts';

const GRACE_MS = 10_000;
const H264: SourceDescription = {
  type: 'whip',
  tracks: [
    { kind: 'video', codec: { name: 'H264', clockRate: 90_000, fmtp: 'packetization-mode=1' }, payloadType: 96 },
  ],
  offered: [{ kind: 'video', codec: 'H264', clockRate: 90_000 }],
};
const VP8: SourceDescription = {
  type: 'whip',
  tracks: [{ kind: 'video', codec: { name: 'VP8', clockRate: 90_000, fmtp: '' }, payloadType: 97 }],
  offered: [{ kind: 'video', codec: 'VP8', clockRate: 90_000 }],
};

let nowMs: number;
let telemetry: Telemetry;
let plain: PlainPath;
let events: string[];
let stream: Stream;
let upstream: { keyframes: number; rtcp: Buffer[]; closed: string[] };

beforeEach(() => {
  nowMs = 1000;
  telemetry = new Telemetry(Telemetry.allocate());
  plain = new PlainPath(new PacketPool(32), telemetry);
  events = [];
  upstream = { keyframes: 0, rtcp: [], closed: [] };
  const log = { error: () => {}, warn: (m: string) => events.push(`warn ${m}`), info: () => {}, debug: () => {} };
  stream = new Stream({
    path: 'cam',
    slot: 3,
    fastPath: plain.path,
    telemetry,
    cacheLimits: { maxBytes: 1 << 20, maxAgeMs: 10_000 },
    commons: new TrackCommons(),
    maxPayloadBytes: 1200,
    nack: false,
    overridePublisher: false,
    publisherGraceMs: GRACE_MS,
    clock: () => nowMs,
    log,
    onOnline: (source, tracks) => events.push(`online ${source} ${tracks.map(({ codec }) => codec).join()}`),
    onOffline: (reason) => events.push(`offline ${reason}`),
    onPaceWanted: () => events.push('pace'),
  });
});

const tap: Upstream = {
  canMakeKeyframes: true,
  requestKeyframe: () => upstream.keyframes++,
  sendRtcp: (_track, packet) => upstream.rtcp.push(Buffer.from(packet)),
  close: (reason) => upstream.closed.push(reason),
};

function viewer(onSend: () => void = () => undefined): Reader & { sent: number; closed: string[] } {
  const reader = {
    sent: 0,
    closed: [] as string[],
    legs: {} as Reader['legs'],
    close: (r: string) => void reader.closed.push(r),
  };
  reader.legs = {
    video: plain.open(
      () => {
        reader.sent++;
        onSend();
      },
      { ssrc: 1, joinedAtMs: nowMs },
    ),
  };
  return reader;
}

let sequence = 0;
function frame(sink: SourceSink, type: number): void {
  const packet = Buffer.from([0x80, 0x80 | 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, type, 0x80, 1, 2, 3]);
  packet.writeUInt16BE(sequence++ & 0xffff, 2);
  packet.writeUInt32BE((nowMs * 90) >>> 0, 4);
  sink.tracks[0]?.receive(packet, 0, packet.length);
  sink.flush();
  nowMs += 40;
}

describe('sources', () => {
  test('a second publisher is refused while the first one is there', () => {
    stream.open(H264, tap);
    expect(() => stream.open(H264, tap)).toThrow(expect.objectContaining({ code: 'PUBLISHER_EXISTS' }));
    expect(events).toEqual(['online whip H264']);
  });

  test('where publishers may be taken over, the first one is told and its viewers stay for the second', () => {
    stream.overridePublisher = true;
    const told: string[] = [];
    const first = stream.open(H264, { ...tap, close: (reason) => void told.push(reason) });
    const reader = viewer();
    stream.addReader(reader);
    frame(first, 0x65);
    const second = stream.open(H264, tap);
    frame(second, 0x65);
    expect(told).toEqual(['another publisher took its place']);
    expect(stream.readerCount).toBe(1);
    first.close('its connection ended');
    expect(events).toEqual(['online whip H264', 'offline another publisher took its place', 'online whip H264']);
  });

  test('a source that cannot be forwarded takes no place', () => {
    stream.overridePublisher = true;
    stream.open(H264, tap);
    expect(() => stream.open({ type: 'whip', tracks: [], offered: [] }, tap)).toThrow(ShardcastError);
    expect(events).toEqual(['online whip H264']);
  });

  test('a source without a usable track is refused', () => {
    expect(() => stream.open({ type: 'whip', tracks: [], offered: [] }, tap)).toThrow(ShardcastError);
  });

  test('skipped tracks are said', () => {
    stream.open(
      {
        ...H264,
        offered: [...H264.offered, { kind: 'audio', codec: 'MPEG4-GENERIC', clockRate: 48_000, skipped: 'AAC' }],
      },
      tap,
    );
    expect(events).toContain('warn track skipped');
  });

  test('an old source that closes late does not end its successor', () => {
    const first = stream.open(H264, tap);
    first.close('gone');
    stream.open(H264, tap);
    first.close('gone again');
    expect(events).toEqual(['online whip H264', 'offline gone', 'online whip H264']);
  });
});

describe('viewers', () => {
  test('viewers outlive a publisher who comes back in time, and are closed when it does not', () => {
    const sink = stream.open(H264, tap);
    const reader = viewer();
    stream.addReader(reader);
    frame(sink, 0x65);
    sink.close('gone');
    nowMs += GRACE_MS - 1000;
    stream.tick(nowMs);
    expect(reader.closed).toEqual([]);
    const again = stream.open(H264, tap);
    frame(again, 0x65);
    expect(reader.sent).toBe(2);
    again.close('gone');
    nowMs += GRACE_MS + 1;
    stream.tick(nowMs);
    expect(reader.closed).toEqual(['the publisher left']);
  });

  test('a publisher with another codec ends the sessions that negotiated the old one', () => {
    stream.open(H264, tap).close('gone');
    const reader = viewer();
    stream.addReader(reader);
    stream.open(VP8, tap);
    expect(reader.closed).toEqual(['the video of the stream changed']);
    expect(stream.codec('video')?.name).toBe('VP8');
  });

  test('a viewer whose handshake outlived the codec that it negotiated is closed, not fed another', () => {
    stream.open(H264, tap).close('gone');
    const reader = viewer();
    stream.open(VP8, tap);
    stream.addReader(reader);
    expect(reader.closed).toEqual(['the video of the stream changed']);
    expect(stream.readerCount).toBe(0);
  });

  test('readers are counted in telemetry', () => {
    stream.open(H264, tap);
    const reader = viewer();
    stream.addReader(reader);
    expect(telemetry.stream(3, 'readers')).toBe(1);
    stream.removeReader(reader);
    stream.removeReader(reader);
    expect(telemetry.stream(3, 'readers')).toBe(0);
    expect(STREAM.readers).toBeGreaterThan(0);
  });

  test('closing the stream closes source and viewers, once', () => {
    stream.open(H264, tap);
    const reader = viewer();
    stream.addReader(reader);
    stream.close('removed');
    stream.close('removed');
    expect(upstream.closed).toEqual(['removed']);
    expect(reader.closed).toEqual(['removed']);
    expect(() => stream.open(H264, tap)).toThrow(ShardcastError);
  });
});

describe('keyframes', () => {
  test('however many viewers ask, the source is asked once in 500 ms, and a late request is not forgotten', () => {
    const sink = stream.open(H264, tap);
    frame(sink, 0x65);
    for (let i = 0; i < 100; i++) stream.requestKeyframe();
    expect(upstream.keyframes).toBe(1);
    nowMs += 499;
    stream.tick(nowMs);
    expect(upstream.keyframes).toBe(1);
    nowMs += 2;
    stream.tick(nowMs);
    expect(upstream.keyframes).toBe(2);
    nowMs += 10_000;
    stream.tick(nowMs);
    expect(upstream.keyframes).toBe(2);
  });

  test('who lost the picture of a source that makes no keyframes gets the cached one, whatever kind of source it is', () => {
    const sink = stream.open(H264, { ...tap, canMakeKeyframes: false });
    frame(sink, 0x65);
    const reader = viewer();
    stream.addReader(reader);
    frame(sink, 0x41);
    nowMs += 5000;
    const [asked, sent] = [upstream.keyframes, reader.sent];
    stream.pictureLost(reader);
    expect(upstream.keyframes).toBe(asked);
    expect(reader.sent).toBe(sent + 2);
  });

  test('as long as a viewer waits for its first keyframe, the source is asked again', () => {
    stream.open(H264, tap);
    stream.addReader(viewer());
    expect(upstream.keyframes).toBe(1);
    for (let i = 0; i < 4; i++) {
      nowMs += 500;
      stream.tick(nowMs);
    }
    expect(upstream.keyframes).toBe(5);
  });
});

test('reordered packets are not lost, and the count of lost ones never goes back', () => {
  const sink = stream.open(H264, tap);
  frame(sink, 0x65);
  sequence += 2; // two are missing
  frame(sink, 0x41);
  sequence -= 2; // one of them was late
  frame(sink, 0x41);
  sequence += 1;
  expect(telemetry.stream(3, 'inboundLost')).toBe(0);
  stream.tick(nowMs);
  expect(telemetry.stream(3, 'inboundLost')).toBe(1);
});

test('a receiver report goes to the source for each track that sends', () => {
  const sink = stream.open(H264, tap);
  stream.sendReports(nowMs);
  expect(upstream.rtcp).toHaveLength(0);
  frame(sink, 0x65);
  stream.sendReports(nowMs);
  const report = upstream.rtcp[0] as Buffer;
  expect(report[1]).toBe(201); // RR
  expect(report.readUInt32BE(8)).toBe(9); // about the source's SSRC
});

test('the profile comes from the stream itself when the SDP names none', () => {
  const sink = stream.open(H264, tap);
  expect(stream.codec('video')?.fmtp).toBe('packetization-mode=1');
  const sps = Buffer.from('6764001facd9405005bb011000000300100000030320f1831960', 'hex');
  const packet = Buffer.concat([Buffer.from([0x80, 96, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9]), sps]);
  sink.tracks[0]?.receive(packet, 0, packet.length);
  sink.flush();
  expect(stream.codec('video')?.fmtp).toBe('packetization-mode=1;profile-level-id=64001f');
});

test('what a packet does on its way to the viewers is its stream’s doing, and afterwards nobody’s', () => {
  const sink = stream.open(H264, tap);
  const during: number[] = [];
  const reader = viewer(() => during.push(telemetry.worker('handling')));
  stream.addReader(reader);
  frame(sink, 0x65);
  expect(during).toEqual([4]); // slot 3, plus 1
  expect(telemetry.worker('handling')).toBe(0);
  telemetry.enter(-1); // a viewer's datagram brings a packet out
  frame(sink, 0x41);
  expect(telemetry.worker('handling')).toBe(-1);
});
