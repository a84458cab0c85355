import { RateLimit } from '../guard/rate-limit.ts';

type Write = (fields: Record<string, unknown>, message: string) => void;

/** Where lines go. */
export interface LineLog {
  readonly error: Write;
  readonly warn: Write;
  readonly info: Write;
  readonly debug: Write;
}

/** How often each message may be said. */
export type LineRate = { readonly perSecond: number /** Monotonic ms. */; readonly clock: () => number };

/**
 * A log that strangers cannot flood: each message, which is a constant, is said a few times a second at most. The next line
 * of a message tells with `suppressed` how many of it were not.
 */
export class LimitedLog implements LineLog {
  readonly #log: LineLog;
  readonly #rate: LineRate;
  readonly #kinds = new Map<string, { readonly limit: RateLimit; suppressed: number }>();

  constructor(log: LineLog, rate: LineRate) {
    this.#log = log;
    this.#rate = rate;
  }

  error(fields: Record<string, unknown>, message: string): void {
    this.#write('error', fields, message);
  }
  warn(fields: Record<string, unknown>, message: string): void {
    this.#write('warn', fields, message);
  }
  info(fields: Record<string, unknown>, message: string): void {
    this.#write('info', fields, message);
  }
  debug(fields: Record<string, unknown>, message: string): void {
    this.#write('debug', fields, message);
  }

  #write(level: keyof LineLog, fields: Record<string, unknown>, message: string): void {
    const { perSecond, clock } = this.#rate;
    const nowMs = clock();
    let kind = this.#kinds.get(message);
    if (kind === undefined) {
      kind = { limit: new RateLimit(perSecond, nowMs), suppressed: 0 };
      this.#kinds.set(message, kind);
    }
    if (!kind.limit.take(nowMs)) {
      kind.suppressed++;
      return;
    }
    const { suppressed } = kind;
    kind.suppressed = 0;
    this.#log[level](suppressed === 0 ? fields : { ...fields, suppressed }, message);
  }
}
