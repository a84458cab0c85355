import { RateLimit } from '../guard/rate-limit.ts';
import type { Logger } from '../logging/logger.ts';
import type { PathEvent } from './media.ts';

/** What comes of a path at once; a publisher that comes and goes a few times is still told as it happens. */
const BURST = 4;
const PER_SECOND = 1;
/** How often what was held back is looked at. */
const FLUSH_MS = 250;
/** A path without news for this long has all of its burst again. */
const FORGET_MS = (BURST / PER_SECOND) * 1000;

type Line = { readonly event: PathEvent; readonly fields: Record<string, unknown> };
type Entry = { readonly limit: RateLimit; lastMs: number; pending: Line | undefined; suppressed: number };

export type PathAnnouncerOptions = {
  readonly log: Logger;
  /** Monotonic ms. */
  readonly clock: () => number;
};

/**
 * Tells listeners and the log what comes online and goes offline. A publisher that flips its tracks many times a second is
 * told of about once a second, and its last state always.
 */
export class PathAnnouncer {
  readonly #options: PathAnnouncerOptions;
  readonly #listeners = new Set<(event: PathEvent) => void>();
  readonly #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: PathAnnouncerOptions) {
    this.#options = options;
  }

  /** @returns ends it */
  listen(listener: (event: PathEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @param fields more for the log line */
  tell(event: PathEvent, fields: Record<string, unknown>): void {
    const nowMs = this.#options.clock();
    let entry = this.#entries.get(event.path);
    if (entry === undefined) {
      entry = { limit: new RateLimit(PER_SECOND, nowMs, BURST), lastMs: nowMs, pending: undefined, suppressed: 0 };
      this.#entries.set(event.path, entry);
    }
    entry.lastMs = nowMs;
    if (entry.pending !== undefined) entry.suppressed++;
    entry.pending = { event, fields };
    if (this.#isClosed) this.#say(entry);
    else if (!this.#deliver(entry, nowMs)) this.#flushSoon();
  }

  /** Forgets paths without news; to be called about once a second. */
  prune(nowMs: number): void {
    for (const [path, { pending, lastMs }] of this.#entries) {
      if (pending === undefined && nowMs - lastMs > FORGET_MS) this.#entries.delete(path);
    }
  }

  /** Tells what it holds back; nothing is held back any more. Idempotent. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const entry of this.#entries.values()) this.#say(entry);
  }

  #deliver(entry: Entry, nowMs: number): boolean {
    if (!entry.limit.take(nowMs)) return false;
    this.#say(entry);
    return true;
  }

  #say(entry: Entry): void {
    const { pending, suppressed } = entry;
    if (pending === undefined) return;
    entry.pending = undefined;
    entry.suppressed = 0;
    const { event, fields } = pending;
    this.#options.log.info(
      { path: event.path, ...fields, ...(suppressed === 0 ? {} : { suppressed }) },
      event.type === 'online' ? 'stream online' : 'stream offline',
    );
    for (const listener of this.#listeners) listener(event);
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const nowMs = this.#options.clock();
      let isHeld = false;
      for (const entry of this.#entries.values()) {
        if (entry.pending !== undefined && !this.#deliver(entry, nowMs)) isHeld = true;
      }
      if (isHeld) this.#flushSoon();
    }, FLUSH_MS);
  }
}
