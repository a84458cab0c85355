const MAX_LINES = 1_000;
const MAX_LINE_CHARS = 4_096;

export type LogEntry = {
  /** Counts from 1, so that a reader can ask for what came after. */
  readonly id: number;
  /** JSON as it was written, or the beginning of it. */
  readonly line: string;
};

/**
 * The last lines of the log, for those who cannot read standard error. Holds at most 1,000 lines of 4,096 characters,
 * some 8 MB at the very worst; takes them redacted.
 */
export class LogRing {
  readonly #lines: (LogEntry | undefined)[] = new Array(MAX_LINES).fill(undefined);
  #last = 0;

  /** @param line redacted, without its end */
  add(line: string): void {
    this.#last++;
    // A cut string can hold on to the whole one; this copy does not.
    const kept = line.length > MAX_LINE_CHARS ? Buffer.from(line.slice(0, MAX_LINE_CHARS)).toString() : line;
    this.#lines[this.#last % MAX_LINES] = { id: this.#last, line: kept };
  }

  /** The id of the newest line, 0 before there is any. */
  get last(): number {
    return this.#last;
  }

  /** What came after `id`, oldest first; what is no longer held is left out. */
  after(id: number): LogEntry[] {
    const entries: LogEntry[] = [];
    for (let next = Math.max(id, this.#last - MAX_LINES) + 1; next <= this.#last; next++) {
      const entry = this.#lines[next % MAX_LINES];
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }
}
