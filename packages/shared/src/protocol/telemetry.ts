/**
 * Counters that a worker writes in place and main reads at scrape: one Float64Array a worker over a
 * SharedArrayBuffer that main owns. A respawned worker gets the old buffer, so that counters never go back.
 * One writer a field: the worker. Main clears a stream's slot before it gives it to another, and a dead worker's gauges and
 * `handling`.
 */

const WORKER_FIELDS = [
  'heartbeat',
  'cpuSeconds',
  'heapBytes',
  'externalBytes',
  'activeResources',
  'eventLoopLagSeconds',
  'sessions',
  'streams',
  'poolSlotsFree',
  'poolSlotsUsed',
  'rtcpReceived',
  'rtcpSent',
  'nackIgnored',
  'srtpRejectedAuth',
  'srtpRejectedReplay',
  'srtpRejectedMalformed',
  'stunRejectedMalformed',
  'stunRejectedUnknownUfrag',
  'stunRejectedIntegrity',
  'stunRejectedRate',
  'dtlsRejected',
  'droppedUnknownSource',
  'droppedMalformed',
  'droppedNoSlot',
  'droppedTooBig',
  'droppedSendError',
  'offloadRefused',
  'droppedDuplicate',
  'pliReceived',
  'pliSent',
  'handshakesStarted',
  'handshakesFailed',
  'datagramsIn',
  'datagramsOut',
  'keyframeCacheRefused',
  'faults',
  'turnsWaiting',
  'handling',
] as const;
export type WorkerField = (typeof WORKER_FIELDS)[number];

/** Index of each worker field. */
export const WORKER = Object.fromEntries(WORKER_FIELDS.map((name, index) => [name, index])) as Readonly<
  Record<WorkerField, number>
>;

/** `handling` while it is a viewer's input: a stream is not to blame for what its viewers send. */
export const HANDLING_VIEWER = -1;

/** Upper bounds in seconds; one more bucket holds the rest, then the sum. */
export const HISTOGRAM_BUCKETS = {
  sessionSetup: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  firstFrame: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  forwardLatency: [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1],
} as const;
export type HistogramName = keyof typeof HISTOGRAM_BUCKETS;

const HISTOGRAM_BASE = 64;
const histogramStart = {} as Record<HistogramName, number>;
let next = HISTOGRAM_BASE;
for (const name of Object.keys(HISTOGRAM_BUCKETS) as HistogramName[]) {
  histogramStart[name] = next;
  next += HISTOGRAM_BUCKETS[name].length + 2; // the buckets, +Inf, the sum
}

const STREAM_FIELDS = [
  'inboundPackets',
  'inboundBytes',
  'inboundLost',
  'outboundPackets',
  'outboundBytes',
  'readers',
  'cpuSeconds',
  'keyframes',
  'cacheBytes',
] as const;
export type StreamField = (typeof STREAM_FIELDS)[number];
export const STREAM = Object.fromEntries(STREAM_FIELDS.map((name, index) => [name, index])) as Readonly<
  Record<StreamField, number>
>;

const STREAM_BASE = next;
export const STREAM_DOUBLES = 12;
/** Streams a worker can hold at once. */
export const MAX_STREAMS = 2048;

export const TELEMETRY_BYTES = (STREAM_BASE + MAX_STREAMS * STREAM_DOUBLES) * Float64Array.BYTES_PER_ELEMENT;

/** A view of one worker's counters. Cheap enough for the packet path: `t.counters[WORKER.x]++`. */
export class Telemetry {
  readonly counters: Float64Array;
  constructor(buffer: SharedArrayBuffer) {
    this.counters = new Float64Array(buffer);
  }
  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(TELEMETRY_BYTES);
  }
  /** Adds to a field by its index: `WORKER.x`, or a stream's base plus `STREAM.x`. Cheap enough for the packet path. */
  add(field: number, by = 1): void {
    this.counters[field] = (this.counters[field] as number) + by;
  }
  /**
   * Worker only: whose input it handles from here on, a stream's slot plus 1 or HANDLING_VIEWER. Should the worker be lost,
   * main reads here what killed it. Cheap enough for the packet path: a load and a store, since nobody waits for it.
   * @returns what it handled before, for `leave`
   */
  enter(whose: number): number {
    const before = this.counters[WORKER.handling] as number;
    this.counters[WORKER.handling] = whose;
    return before;
  }
  /** That is done. Not called when it threw: then the worker is lost, or whoever caught it calls `leave(0)`. */
  leave(before: number): void {
    this.counters[WORKER.handling] = before;
  }
  worker(field: WorkerField): number {
    return this.counters[WORKER[field]] ?? 0;
  }
  /** Index of a stream slot's first field. */
  static streamBase(slot: number): number {
    return STREAM_BASE + slot * STREAM_DOUBLES;
  }
  stream(slot: number, field: StreamField): number {
    return this.counters[Telemetry.streamBase(slot) + STREAM[field]] ?? 0;
  }
  /** Main only, before a slot goes to another stream. */
  clearStream(slot: number): void {
    const base = Telemetry.streamBase(slot);
    this.counters.fill(0, base, base + STREAM_DOUBLES);
  }
  observe(name: HistogramName, seconds: number): void {
    const bounds = HISTOGRAM_BUCKETS[name];
    const start = histogramStart[name];
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++;
    this.counters[start + bucket] = (this.counters[start + bucket] as number) + 1;
    const sum = start + bounds.length + 1;
    this.counters[sum] = (this.counters[sum] as number) + seconds;
  }
  /** Counts a bucket (not cumulative; the last is +Inf) and the sum in seconds. */
  histogram(name: HistogramName): { counts: number[]; sum: number } {
    const start = histogramStart[name];
    const length = HISTOGRAM_BUCKETS[name].length + 1;
    return {
      counts: Array.from(this.counters.subarray(start, start + length)),
      sum: this.counters[start + length] ?? 0,
    };
  }
}
