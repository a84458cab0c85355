/** Deaths of its worker within WINDOW_MS that begin an investigation. */
const MAX_DEATHS = 3;
/** A stream that was there this often is better kept away from healthy workers. */
const SUSPECT_DEATHS = 2;
const WINDOW_MS = 60_000;
/** Then it may try again. */
const RELEASE_MS = 5 * 60_000;
/** How long the others must run without another death until they are believed innocent. */
const TRIAL_MS = 15_000;

/** One of `suspects` keeps killing its worker. While some are `held`, the next death tells on which side it is. */
type Investigation = {
  readonly suspects: readonly string[];
  readonly held: readonly string[];
  readonly untilMs: number;
};

export type Verdict = {
  /** Found guilty by this death. */
  readonly quarantined: readonly string[];
  /** Held back to find out. */
  readonly heldBack: readonly string[];
};

const NOBODY: Verdict = { quarantined: [], heldBack: [] };

/**
 * Which streams keep killing their worker. Whom a death is held against, `suspectsOf` says; those that were suspects
 * most often, three times in a minute at least, are the prime suspects. One alone is quarantined. Of several,
 * half are held back for a moment: if the worker dies again, it was one of the running half; if it lives, one of the
 * other. So one guilty stream among n is found with log2(n) more deaths, and nobody sits out five minutes for having
 * been near. Pure: time is an argument.
 */
export class Quarantine {
  /** Times of the deaths a stream was a suspect of that no investigation explains, within the window. */
  readonly #deaths = new Map<string, number[]>();
  readonly #quarantinedUntilMs = new Map<string, number>();
  #investigations: Investigation[] = [];

  /** @param residents the streams that may have done it. Not to be called when the worker was ended on purpose. */
  workerDied(residents: readonly string[], nowMs: number): Verdict {
    this.#settle(nowMs);
    const present = new Set(residents);
    for (const investigation of this.#investigations) {
      const running = investigation.suspects.filter((stream) => present.has(stream));
      if (running.length === 0) continue;
      this.#investigations = this.#investigations.filter((other) => other !== investigation);
      return this.#examine(running, nowMs);
    }
    for (const stream of present) this.#deaths.set(stream, [...(this.#deaths.get(stream) ?? []), nowMs]);
    const most = Math.max(0, ...Array.from(present, (stream) => this.#deathsOf(stream)));
    if (most < MAX_DEATHS) return NOBODY;
    return this.#examine(
      [...present].filter((stream) => this.#deathsOf(stream) === most),
      nowMs,
    );
  }

  /** Whether it may well be what killed its worker: it should not be given a healthy one. */
  isSuspect(stream: string, nowMs: number): boolean {
    this.#settle(nowMs);
    return (
      this.#deathsOf(stream) >= SUSPECT_DEATHS || this.#investigations.some(({ suspects }) => suspects.includes(stream))
    );
  }

  /** Why a stream may not start; undefined when it may. */
  reason(stream: string, nowMs: number): string | undefined {
    this.#settle(nowMs);
    const untilMs = this.#quarantinedUntilMs.get(stream);
    if (untilMs !== undefined) {
      const minutes = Math.ceil((untilMs - nowMs) / 60_000);
      return `it keeps killing its worker, ${MAX_DEATHS} times or more within a minute; it may try again in ${minutes} min`;
    }
    const investigation = this.#investigations.find(({ held }) => held.includes(stream));
    if (investigation === undefined) return undefined;
    const seconds = Math.ceil((investigation.untilMs - nowMs) / 1000);
    return `one of ${investigation.suspects.length} streams keeps killing its worker; it waits ${seconds} s while others are tried`;
  }

  /** Its configuration changed, or an operator says so. */
  release(stream: string): void {
    this.#deaths.delete(stream);
    this.#quarantinedUntilMs.delete(stream);
    const without = (streams: readonly string[]) => streams.filter((other) => other !== stream);
    this.#investigations = this.#investigations
      .map(({ suspects, held, untilMs }) => ({ suspects: without(suspects), held: without(held), untilMs }))
      .filter(({ suspects }) => suspects.length > 0);
  }

  #examine(suspects: readonly string[], nowMs: number): Verdict {
    for (const stream of suspects) this.#deaths.delete(stream);
    if (suspects.length === 1) {
      for (const stream of suspects) this.#quarantinedUntilMs.set(stream, nowMs + RELEASE_MS);
      return { quarantined: suspects, heldBack: [] };
    }
    const held = suspects.slice(0, Math.floor(suspects.length / 2));
    this.#investigations.push({ suspects, held, untilMs: nowMs + TRIAL_MS });
    return { quarantined: [], heldBack: held };
  }

  #deathsOf(stream: string): number {
    return this.#deaths.get(stream)?.length ?? 0;
  }

  #settle(nowMs: number): void {
    this.#investigations = this.#investigations.flatMap((investigation) => {
      const { held, untilMs } = investigation;
      if (untilMs > nowMs) return [investigation];
      // The worker lived without them: they run again, and are watched for a while.
      const watchedUntilMs = untilMs + WINDOW_MS;
      return held.length > 0 && watchedUntilMs > nowMs ? [{ suspects: held, held: [], untilMs: watchedUntilMs }] : [];
    });
    for (const [stream, untilMs] of this.#quarantinedUntilMs) {
      if (untilMs <= nowMs) this.#quarantinedUntilMs.delete(stream);
    }
    for (const [stream, deaths] of this.#deaths) {
      const recent = deaths.filter((at) => nowMs - at < WINDOW_MS);
      if (recent.length === 0) this.#deaths.delete(stream);
      else if (recent.length < deaths.length) this.#deaths.set(stream, recent);
    }
  }
}
