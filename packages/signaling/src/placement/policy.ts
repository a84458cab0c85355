/** A worker that a stream could go to. */
export type Candidate = {
  readonly worker: number;
  /** Measured CPU, 0 (idle) to 1 (a whole core). */
  readonly load: number;
  /** Streams that live there. */
  readonly streams: number;
  /** Those of `streams` that are too young to show in `load`. */
  readonly unmeasured: number;
  /** False while it restarts or drains. */
  readonly isAccepting: boolean;
};

export type Placement = {
  readonly worker: number;
  /** In words, for an operator. */
  readonly reason: string;
  /** The most that a worker may carry already to be given this stream, in the unit of `load`. */
  readonly bound: number;
  /** Best first. `load` is what was compared with the bound: measured, and reserved for streams too young to measure. */
  readonly candidates: readonly { readonly worker: number; readonly score: number; readonly load: number }[];
};

/** No worker takes more than this times the mean load (consistent hashing with bounded loads). */
const LOAD_BOUND = 1.25;
/** What a stream is taken to cost while none was measured: 1 % of a core (roughly 1 Mbit/s and a viewer). */
const DEFAULT_COST = 0.01;
/** One very hot or idle neighbour says little about the next stream. */
const MAX_COST = 0.25;
/** The least that a stream counts: where CPU is not measured, all count this, and so their number decides. */
const MIN_COST = 0.001;

/**
 * Which worker a stream belongs to: rendezvous hashing with bounded load. Deterministic: the same stream
 * and workers give the same answer in any order, and a worker that leaves moves only its own streams. A stream stays
 * on `current` for as long as that accepts. A stream without a measurement reserves what the measured ones cost in the
 * mean, so that many that start at once spread out.
 * @returns undefined when no worker accepts streams.
 */
export function place(stream: string, candidates: readonly Candidate[], current?: number): Placement | undefined {
  // In one order, so that sums are the same to the last bit whoever lists the workers.
  const accepting = candidates.filter(({ isAccepting }) => isAccepting).sort((a, b) => a.worker - b.worker);
  const cost = expectedCost(accepting);
  const ranked = accepting
    .map(({ worker, load, streams, unmeasured }) => ({
      worker,
      score: hash(`${stream}\u0000${worker}`),
      load: Math.max(load + unmeasured * cost, streams * MIN_COST),
    }))
    .sort((a, b) => b.score - a.score || a.worker - b.worker);
  const first = ranked[0];
  if (first === undefined) return undefined;

  const total = ranked.reduce((sum, { load }) => sum + load, cost);
  const bound = (LOAD_BOUND * total) / ranked.length;
  const chosen = (worker: number, reason: string): Placement => ({ worker, reason, bound, candidates: ranked });

  const stays = ranked.find(({ worker }) => worker === current);
  if (stays !== undefined) return chosen(stays.worker, 'it is there already');
  // The least loaded is never above the mean, so somebody always fits.
  const fits = ranked.find(({ load }) => load < bound) ?? first;
  if (fits === first) return chosen(first.worker, 'first by hash');
  return chosen(
    fits.worker,
    `first by hash under a load of ${bound.toFixed(3)}; worker ${first.worker} has ${first.load.toFixed(3)}`,
  );
}

/** What one more stream is taken to cost: the mean of the measured ones. */
function expectedCost(candidates: readonly Candidate[]): number {
  const load = candidates.reduce((sum, candidate) => sum + candidate.load, 0);
  const measured = candidates.reduce((sum, { streams, unmeasured }) => sum + streams - unmeasured, 0);
  if (measured <= 0) return DEFAULT_COST;
  return Math.min(MAX_COST, Math.max(MIN_COST, load / measured));
}

/**
 * FNV-1a over UTF-16 units, then murmur3's finaliser: 32 bits, well mixed for short names that differ in one digit.
 * Not for security: who may choose stream names may choose a worker, and the load bound limits what that is worth.
 */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
