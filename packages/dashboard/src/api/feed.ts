import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { ApiError } from './client.ts';

/** Something that is asked for again and again while somebody looks at it and the page is visible. */
export class Feed<T> {
  readonly data: Signal<T | undefined> = signal(undefined);
  /** Of the last attempt. What was known before stays in `data`. */
  readonly error: Signal<ApiError | undefined> = signal(undefined);
  readonly #load: (signal: AbortSignal) => Promise<T>;
  readonly #everyMs: number;
  #lookers = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | undefined;

  /** @param everyMs from an answer to the next question; 0 asks once */
  constructor(load: (signal: AbortSignal) => Promise<T>, everyMs: number) {
    this.#load = load;
    this.#everyMs = everyMs;
  }

  /** @returns what is to be called when it is looked at no more */
  look(): () => void {
    this.#lookers++;
    if (this.#lookers === 1) {
      document.addEventListener('visibilitychange', this.refresh);
      this.refresh();
    }
    return () => {
      this.#lookers--;
      if (this.#lookers > 0) return;
      document.removeEventListener('visibilitychange', this.refresh);
      clearTimeout(this.#timer);
      this.#abort?.abort();
    };
  }

  /** Asks now; an older question is dropped. */
  readonly refresh = (): void => {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    if (this.#lookers === 0 || document.hidden) return;
    const abort = new AbortController();
    this.#abort = abort;
    void this.#ask(abort.signal);
  };

  async #ask(aborted: AbortSignal): Promise<void> {
    try {
      const data = await this.#load(aborted);
      if (aborted.aborted) return;
      this.data.value = data;
      this.error.value = undefined;
    } catch (error) {
      if (aborted.aborted) return;
      this.error.value = error as ApiError; // nothing else comes out of the client
    }
    if (this.#everyMs > 0) this.#timer = setTimeout(this.refresh, this.#everyMs);
  }
}

/** Looks at a feed as long as the component is there. */
export function useFeed<T>(feed: Feed<T>): Feed<T> {
  useEffect(() => feed.look(), [feed]);
  return feed;
}

/** A feed of the component's own, another one when `key` is another. */
export function useOwnFeed<T>(key: string, load: (signal: AbortSignal) => Promise<T>, everyMs: number): Feed<T> {
  const feed = useMemo(() => new Feed(load, everyMs), [key, everyMs]);
  return useFeed(feed);
}
