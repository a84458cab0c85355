import type { Guard } from './guard.ts';
import type { Publisher } from './session/session-context.ts';

/** Publishers whose packets wait for the end of this turn of the event loop: batching adds no more delay than that. */
export class FlushQueue {
  readonly #guard: Guard;
  #due = new Set<Publisher>();

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  add(publisher: Publisher): void {
    if (this.#due.size === 0) setImmediate(() => this.run());
    this.#due.add(publisher);
  }

  run(): void {
    const due = this.#due;
    this.#due = new Set(); // who asks from now on, even from within, gets a turn of its own
    for (const publisher of due) {
      try {
        publisher.flush();
      } catch (error) {
        this.#guard.caught(publisher, error);
      }
    }
  }
}
