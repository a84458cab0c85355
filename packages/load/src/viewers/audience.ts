import { Thread } from '../thread-calls.ts';
import type { AudienceRequest, AudienceResults, JoinFailure, Seat, ViewerResult } from './audience-protocol.ts';
import { Histogram } from './histogram.ts';
import { addCounts, type Counts, noCounts } from './stream-meter.ts';
import type { ViewerSettings } from './viewer.ts';

/** What all viewers saw since they joined, and in the last interval. */
export type Sample = {
  readonly counts: Counts;
  /** Of frames, since the last sample: latency where there are marks, else how much later than the fastest. */
  readonly delays: Histogram;
  /** Mean of the viewers', ms. */
  readonly jitterMs: number;
  readonly viewers: number;
  /** Of the worst thread, ms. */
  readonly lagMs: number;
};

/** Viewers in threads of their own, spread evenly. */
export class Audience {
  readonly #threads: readonly Thread<AudienceRequest, AudienceResults>[];
  readonly #settings: ViewerSettings;

  constructor(threads: number, settings: ViewerSettings) {
    this.#threads = Array.from({ length: threads }, () => new Thread('./audience-thread', import.meta.url));
    this.#settings = settings;
  }

  /** All at once. @returns those that did not get in */
  async join(seats: readonly Seat[]): Promise<readonly JoinFailure[]> {
    const failures = await this.#all((thread, index) => {
      const own = seats.filter(({ number }) => number % this.#threads.length === index);
      return own.length === 0 ? [] : thread.ask({ type: 'join', seats: own, settings: this.#settings });
    });
    return failures.flat();
  }

  async sample(): Promise<Sample> {
    const samples = await this.#all((thread) => thread.ask({ type: 'sample' }));
    const counts = noCounts();
    const delays = new Histogram();
    let [viewers, jitterSum, lagMs] = [0, 0, 0];
    for (const each of samples) {
      addCounts(counts, each.counts);
      delays.merge(new Histogram(each.delays));
      viewers += each.viewers;
      jitterSum += each.jitterMs * each.viewers;
      lagMs = Math.max(lagMs, each.lagMs);
    }
    return { counts, delays, jitterMs: viewers === 0 ? 0 : jitterSum / viewers, viewers, lagMs };
  }

  /** A measured window begins: `results` count from here. */
  async mark(): Promise<void> {
    await this.#all((thread) => thread.ask({ type: 'mark' }));
  }

  /** In the order of their numbers. */
  async results(): Promise<readonly ViewerResult[]> {
    const all = await this.#all((thread) => thread.ask({ type: 'results' }));
    return all.flat().toSorted((a, b) => a.number - b.number);
  }

  /** Ends every session on the server. */
  async leave(): Promise<void> {
    await this.#all((thread) => thread.ask({ type: 'leave' }));
  }

  /** Without a word to the server; `leave` is that. */
  async close(): Promise<void> {
    await this.#all((thread) => thread.close());
  }

  async #all<T>(
    ask: (thread: Thread<AudienceRequest, AudienceResults>, index: number) => T | Promise<T>,
  ): Promise<T[]> {
    return Promise.all(this.#threads.map(ask));
  }
}
