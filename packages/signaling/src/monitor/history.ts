import { OVERVIEW_SERIES, STREAM_SERIES } from './series.ts';
import { StepRing } from './step-ring.ts';

/** Steps in seconds and how many of them are kept. */
const OVERVIEW_RINGS = [
  [1, 300],
  [10, 1080],
  [60, 1440],
] as const;
const STREAM_RINGS = [
  [1, 300],
  [10, 360],
  [60, 1440],
] as const;
/** For the streams' histories together. */
const MAX_STREAM_BYTES = 32 * 1024 ** 2;

export const HISTORY_STEPS = ['1s', '10s', '1m'] as const;
export type HistoryStep = (typeof HISTORY_STEPS)[number];
const STEP_SECONDS: Readonly<Record<HistoryStep, number>> = { '1s': 1, '10s': 10, '1m': 60 };

/** What is asked of a history. Without a step the finest that goes back `windowSeconds` is taken. */
export type HistoryQuery = {
  readonly step?: HistoryStep | undefined;
  readonly windowSeconds?: number | undefined;
  /** Undefined for all. */
  readonly series?: readonly string[] | undefined;
};
export type HistoryAnswer = {
  readonly stepSeconds: number;
  readonly times: number[];
  readonly series: Record<string, (number | null)[]>;
};

type Rings = readonly StepRing[];
type StreamHistory = { readonly rings: Rings; touchedAt: number };

/** Rings of the overview and of each stream, in memory that is bounded whatever the streams are called. Pure: time is an argument. */
export class History {
  readonly #overview: Rings = rings(OVERVIEW_SERIES.length, OVERVIEW_RINGS);
  readonly #streams = new Map<string, StreamHistory>();
  readonly #maxStreams: number;

  constructor(maxStreamBytes = MAX_STREAM_BYTES) {
    const each = STREAM_RINGS.reduce((sum, [, capacity]) => sum + StepRing.bytes(STREAM_SERIES.length, capacity), 0);
    this.#maxStreams = Math.floor(maxStreamBytes / each);
  }

  /** @param values in the order of OVERVIEW_SERIES */
  addOverview(unixSeconds: number, values: ArrayLike<number>): void {
    for (const ring of this.#overview) ring.add(unixSeconds, values);
  }

  /** @param values in the order of STREAM_SERIES. When there is no room for the stream, nothing is kept of it. */
  addStream(path: string, unixSeconds: number, values: ArrayLike<number>): void {
    let known = this.#streams.get(path);
    if (known === undefined) {
      if (this.#streams.size >= this.#maxStreams && !this.#evict(unixSeconds)) return;
      known = { rings: rings(STREAM_SERIES.length, STREAM_RINGS), touchedAt: unixSeconds };
      this.#streams.set(path, known);
    }
    known.touchedAt = unixSeconds;
    for (const ring of known.rings) ring.add(unixSeconds, values);
  }

  overview(query: HistoryQuery): HistoryAnswer {
    return answer(this.#overview, OVERVIEW_SERIES, query);
  }

  /** @returns undefined when nothing is kept of the path. */
  stream(path: string, query: HistoryQuery): HistoryAnswer | undefined {
    const known = this.#streams.get(path);
    return known === undefined ? undefined : answer(known.rings, STREAM_SERIES, query);
  }

  /** Drops the stream that ended first. @returns false when all are live. */
  #evict(unixSeconds: number): boolean {
    let oldest: string | undefined;
    let oldestAt = unixSeconds - 2; // what was touched in this round or the last is live
    for (const [path, { touchedAt }] of this.#streams) {
      if (touchedAt >= oldestAt) continue;
      oldest = path;
      oldestAt = touchedAt;
    }
    return oldest !== undefined && this.#streams.delete(oldest);
  }
}

function rings(columns: number, dimensions: readonly (readonly [number, number])[]): Rings {
  return dimensions.map(([stepSeconds, capacity]) => new StepRing(columns, stepSeconds, capacity));
}

function answer(from: Rings, names: readonly string[], { step, windowSeconds, series }: HistoryQuery): HistoryAnswer {
  const seconds = step === undefined ? undefined : STEP_SECONDS[step];
  const longEnough = (ring: StepRing) => ring.stepSeconds * ring.capacity >= (windowSeconds ?? 0);
  const ring =
    from.find((each) => (seconds === undefined ? longEnough(each) : each.stepSeconds === seconds)) ?? from.at(-1);
  if (ring === undefined) throw new TypeError('a history has rings');
  const wanted = names.flatMap((name, column) =>
    series === undefined || series.includes(name) ? [{ name, column }] : [],
  );
  const limit = windowSeconds === undefined ? ring.capacity : Math.ceil(windowSeconds / ring.stepSeconds);
  const { times, columns } = ring.read(
    wanted.map(({ column }) => column),
    limit,
  );
  return {
    stepSeconds: ring.stepSeconds,
    times,
    series: Object.fromEntries(wanted.map(({ name }, index) => [name, columns[index] ?? []])),
  };
}
