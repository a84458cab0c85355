/** Deaths of its worker within WINDOW_MS that make a stream the suspect. */
const MAX_DEATHS = 3;
const WINDOW_MS = 60_000;
/** Then it may try again. */
const RELEASE_MS = 5 * 60_000;

type Record = { deaths: number[]; quarantinedAtMs: number | undefined };

/**
 * Which streams keep killing their worker (goal R3). When a worker dies, all streams on it are suspects; since they are
 * placed again on different workers, only the guilty one is there three times in a minute. Pure: time is an argument.
 */
export class Quarantine {
  readonly #records = new Map<string, Record>();

  /** @returns the streams that are quarantined by this death. */
  workerDied(residents: readonly string[], nowMs: number): string[] {
    const caught: string[] = [];
    for (const stream of residents) {
      const record = this.#records.get(stream) ?? { deaths: [], quarantinedAtMs: undefined };
      record.deaths = [...record.deaths.filter((at) => nowMs - at < WINDOW_MS), nowMs];
      this.#records.set(stream, record);
      if (record.deaths.length < MAX_DEATHS || record.quarantinedAtMs !== undefined) continue;
      record.quarantinedAtMs = nowMs;
      caught.push(stream);
    }
    return caught;
  }

  /** Why a stream may not start; undefined when it may. */
  reason(stream: string, nowMs: number): string | undefined {
    const record = this.#records.get(stream);
    if (record?.quarantinedAtMs === undefined) return undefined;
    const leftMs = record.quarantinedAtMs + RELEASE_MS - nowMs;
    if (leftMs <= 0) {
      this.#records.delete(stream);
      return undefined;
    }
    const minutes = Math.ceil(leftMs / 60_000);
    return `its worker died ${MAX_DEATHS} times within a minute; it may try again in ${minutes} min`;
  }

  /** The configuration changed, or an operator says so. */
  release(stream: string): void {
    this.#records.delete(stream);
  }
}
