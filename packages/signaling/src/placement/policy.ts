/** A worker that a stream could go to. */
export type Candidate = {
  readonly worker: number;
  /** Measured CPU, 0 (idle) to 1 (a whole core), reservations of young streams included. */
  readonly load: number;
  /** False while it restarts or drains. */
  readonly isAccepting: boolean;
};

export type Placement = {
  readonly worker: number;
  /** In words, for an operator. */
  readonly reason: string;
  readonly candidates: readonly { readonly worker: number; readonly score: number; readonly load: number }[];
};

/** What a new stream is taken to cost until it was measured: 1 % of a core (64 streams of 1 Mbit/s a core, roughly). */
export const RESERVED_LOAD = 0.01;
/** No worker takes more than this times the mean load (consistent hashing with bounded loads). */
const LOAD_BOUND = 1.25;

/**
 * Which worker a stream belongs to (design D10): rendezvous hashing with bounded load. Deterministic: the same stream
 * and workers give the same answer, and a worker that leaves moves only its own streams. A stream stays where it is.
 * @returns undefined when no worker accepts streams.
 */
export function place(stream: string, candidates: readonly Candidate[], current?: number): Placement | undefined {
  const accepting = candidates.filter(({ isAccepting }) => isAccepting);
  if (accepting.length === 0) return undefined;
  const ranked = accepting
    .map(({ worker, load }) => ({ worker, load, score: hash(`${stream}\u0000${worker}`) }))
    .sort((a, b) => b.score - a.score || a.worker - b.worker);
  const stays = ranked.find(({ worker }) => worker === current);
  if (stays !== undefined) return { worker: stays.worker, reason: 'it is there already', candidates: ranked };

  const total = accepting.reduce((sum, { load }) => sum + load, RESERVED_LOAD);
  const bound = (LOAD_BOUND * total) / accepting.length;
  const first = ranked[0];
  const fits = ranked.find(({ load }) => load < bound) ?? ranked.toSorted((a, b) => a.load - b.load)[0];
  if (fits === undefined || first === undefined) return undefined;
  const reason =
    fits === first
      ? 'first by hash'
      : `first by hash below ${bound.toFixed(3)} load; worker ${first.worker} has ${first.load.toFixed(3)}`;
  return { worker: fits.worker, reason, candidates: ranked };
}

/** FNV-1a over UTF-16 units, then murmur3's finaliser: 32 bits, well mixed for short names. Not for security. */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
