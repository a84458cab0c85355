import { RateLimit } from '../guard/rate-limit.ts';
import { clientKey } from '../paths/client-key.ts';
import type { AccessRequest } from './access-request.ts';

/** Wrong credentials of one client address: so many at once, then one in six seconds. */
const BURST = 20;
const PER_SECOND = 1 / 6;
const FORGET_MS = (BURST / PER_SECOND) * 1000;
const MAX_CLIENTS = 10_000;

type Entry = { readonly limit: RateLimit; lastMs: number; isOver: boolean };

/** Slows down whoever guesses passwords. This host is not counted: behind a proxy everybody is this host. */
export class FailureLimit {
  readonly #clock: () => number;
  readonly #clients = new Map<string, Entry>();

  /** @param clock monotonic ms */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Its requests with credentials are not looked at for now. */
  isOver(request: Pick<AccessRequest, 'ip' | 'credentials'>): boolean {
    const key = keyOf(request);
    const entry = key === undefined ? undefined : this.#clients.get(key);
    if (entry === undefined || !entry.isOver) return false;
    if (!entry.limit.take(this.#clock())) return true;
    entry.isOver = false; // one more try
    return false;
  }

  /** Its credentials were wrong. */
  count(request: Pick<AccessRequest, 'ip' | 'credentials'>): void {
    const key = keyOf(request);
    if (key === undefined) return;
    const nowMs = this.#clock();
    const entry = this.#clients.get(key) ?? {
      limit: new RateLimit(PER_SECOND, nowMs, BURST),
      lastMs: nowMs,
      isOver: false,
    };
    entry.lastMs = nowMs;
    entry.isOver = !entry.limit.take(nowMs);
    this.#clients.delete(key); // the order of the map is that of the last failures
    this.#clients.set(key, entry);
    for (const [old, { lastMs }] of this.#clients) {
      if (this.#clients.size <= MAX_CLIENTS && nowMs - lastMs < FORGET_MS) break;
      this.#clients.delete(old);
    }
  }
}

/** Who gave no credentials guessed nothing. */
function keyOf({ ip, credentials }: Pick<AccessRequest, 'ip' | 'credentials'>): string | undefined {
  return credentials === undefined ? undefined : clientKey(ip);
}
