/** Where progress is shown; a terminal, mostly. */
export type Screen = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };

const BAR_WIDTH = 24;
const LEAST_BAR_WIDTH = 6;
const DEFAULT_COLUMNS = 80;
/** Without a terminal: a log wants no line a second. */
const PLAIN_EVERY_MS = 5000;
const CLEAR_LINE = '\r\u001b[K';

/** A bar on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #screen: Screen;
  readonly #isQuiet: boolean;
  readonly #now: () => number;
  #lastPlainMs = Number.NEGATIVE_INFINITY;
  #lastPhase = '';

  /** @param now ms of any clock that goes on */
  constructor(screen: Screen, isQuiet: boolean, now: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#isQuiet = isQuiet;
    this.#now = now;
  }

  /** @param share done, 0 to 1 */
  show(phase: string, share: number, text: string): void {
    if (this.#isQuiet) return;
    const { isTTY = false, columns = DEFAULT_COLUMNS } = this.#screen;
    if (isTTY) {
      // What is said matters more than how long the bar is.
      const room = columns - 1 - phase.length - text.length - ' [] '.length;
      const width = Math.min(BAR_WIDTH, Math.max(LEAST_BAR_WIDTH, room));
      const done = Math.round(Math.min(1, Math.max(0, share)) * width);
      const bar = `[${'#'.repeat(done)}${'-'.repeat(width - done)}]`;
      this.#screen.write(CLEAR_LINE + `${phase} ${bar} ${text}`.slice(0, columns - 1));
      return;
    }
    const now = this.#now();
    if (phase === this.#lastPhase && share < 1 && now - this.#lastPlainMs < PLAIN_EVERY_MS) return;
    this.#lastPhase = phase;
    this.#lastPlainMs = now;
    this.#screen.write(`${phase}: ${text}\n`);
  }

  /** Makes room for what is written next. */
  clear(): void {
    if (this.#screen.isTTY === true && !this.#isQuiet) this.#screen.write(CLEAR_LINE);
  }
}
