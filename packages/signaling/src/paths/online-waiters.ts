type Waiter = { settle(isOnline: boolean): void };

/** Viewers that came a moment before their stream. */
export class OnlineWaiters {
  readonly #waiters = new Map<string, Set<Waiter>>();

  /** @returns whether the path came online within `holdMs`. */
  wait(path: string, holdMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(path) ?? new Set();
      this.#waiters.set(path, waiters);
      const waiter: Waiter = {
        settle: (isOnline) => {
          clearTimeout(timer);
          waiters.delete(waiter);
          if (waiters.size === 0 && this.#waiters.get(path) === waiters) this.#waiters.delete(path);
          resolve(isOnline);
        },
      };
      const timer = setTimeout(() => waiter.settle(false), holdMs);
      waiters.add(waiter);
    });
  }

  /** The path is online, or will not be soon. */
  settle(path: string, isOnline: boolean): void {
    for (const waiter of [...(this.#waiters.get(path) ?? [])]) waiter.settle(isOnline);
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const path of [...this.#waiters.keys()]) this.settle(path, false);
  }
}
