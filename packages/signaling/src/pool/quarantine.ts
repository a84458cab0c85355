/** Deaths of its worker within WINDOW_MS that make a stream the suspect. */
const MAX_DEATHS = 3;
const WINDOW_MS = 60_000;
/** Then it may try again. */
const RELEASE_MS = 5 * 60_000;
/** How long the others must run without another death until they are believed innocent. */
const TRIAL_MS = 15_000;

/** Several streams were there equally often: some run, some are held back, and the next death tells which it was. */
type Trial = {
  readonly running: ReadonlySet<string>;
  readonly held: ReadonlySet<string>;
  readonly untilMs: number;
};

export type Verdict = {
  /** Found guilty by this death. */
  readonly quarantined: readonly string[];
  /** Held back to find out. */
  readonly heldBack: readonly string[];
};

/**
 * Which streams keep killing their worker (goal R3). All streams of a worker that dies are suspects; the ones that were
 * there most often, three times in a minute at least, are the prime suspects. One prime suspect is quarantined. Of
 * several, half are held back for a moment: if the worker dies again, those are cleared and the other half is divided;
 * if it lives, the running half is cleared. So one guilty stream among n is found with about log2(n) more deaths, and
 * nobody sits out five minutes for having been near. Pure: time is an argument.
 */
export class Quarantine {
  /** Times of the deaths a stream was there at, within the window. */
  readonly #deaths = new Map<string, number[]>();
  readonly #quarantinedUntilMs = new Map<string, number>();
  #trials: Trial[] = [];

  /** @param residents the streams that lived on the worker. Not to be called when the worker was ended on purpose. */
  workerDied(residents: readonly string[], nowMs: number): Verdict {
    this.#settle(nowMs);
    const present = new Set(residents);
    for (const trial of this.#trials) {
      if (![...trial.running].some((stream) => present.has(stream))) continue;
      this.#trials = this.#trials.filter((other) => other !== trial);
      for (const stream of trial.held) this.#deaths.delete(stream);
    }
    for (const stream of present) this.#deaths.set(stream, [...(this.#deaths.get(stream) ?? []), nowMs]);

    const most = Math.max(0, ...residents.map((stream) => this.deaths(stream, nowMs)));
    if (most < MAX_DEATHS) return { quarantined: [], heldBack: [] };
    const primes = [...present].filter((stream) => this.deaths(stream, nowMs) === most);
    if (primes.length === 1) {
      for (const stream of primes) this.#quarantinedUntilMs.set(stream, nowMs + RELEASE_MS);
      return { quarantined: primes, heldBack: [] };
    }
    const held = primes.slice(0, Math.floor(primes.length / 2));
    const running = primes.slice(held.length);
    this.#trials.push({ running: new Set(running), held: new Set(held), untilMs: nowMs + TRIAL_MS });
    return { quarantined: [], heldBack: held };
  }

  /** Deaths within the last minute that the stream was there at. */
  deaths(stream: string, nowMs: number): number {
    return (this.#deaths.get(stream) ?? []).filter((at) => nowMs - at < WINDOW_MS).length;
  }

  /** Why a stream may not start; undefined when it may. */
  reason(stream: string, nowMs: number): string | undefined {
    this.#settle(nowMs);
    const untilMs = this.#quarantinedUntilMs.get(stream);
    if (untilMs !== undefined) {
      const minutes = Math.ceil((untilMs - nowMs) / 60_000);
      return `its worker died ${MAX_DEATHS} times within a minute; it may try again in ${minutes} min`;
    }
    const trial = this.#trials.find(({ held }) => held.has(stream));
    if (trial === undefined) return undefined;
    const suspects = trial.held.size + trial.running.size;
    const seconds = Math.ceil((trial.untilMs - nowMs) / 1000);
    return `one of ${suspects} streams keeps bringing its worker down; it waits ${seconds} s while others are tried`;
  }

  /** Its configuration changed, or an operator says so. */
  release(stream: string): void {
    this.#deaths.delete(stream);
    this.#quarantinedUntilMs.delete(stream);
    this.#trials = this.#trials.filter(({ held }) => !held.has(stream));
  }

  #settle(nowMs: number): void {
    for (const { running, untilMs } of this.#trials) {
      if (untilMs > nowMs) continue;
      for (const stream of running) this.#deaths.delete(stream);
    }
    this.#trials = this.#trials.filter(({ untilMs }) => untilMs > nowMs);
    for (const [stream, untilMs] of this.#quarantinedUntilMs) {
      if (untilMs <= nowMs) this.release(stream);
    }
    for (const [stream, deaths] of this.#deaths) {
      if (deaths.every((at) => nowMs - at >= WINDOW_MS)) this.#deaths.delete(stream);
      // The list stays short: a worker's back-off bounds its deaths a minute.
      else if (deaths.length > MAX_DEATHS * 4) this.#deaths.set(stream, deaths.slice(-MAX_DEATHS * 4));
    }
  }
}
