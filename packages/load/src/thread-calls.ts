import { type MessagePort, Worker } from 'node:worker_threads';
import { RefusedError } from './traffic/signalling.ts';

/** An error as it crosses to the other thread. */
export type Failure = { readonly message: string; readonly status: number };

type Call<Request> = { readonly id: number; readonly request: Request };
type Answer = { readonly id: number; readonly result?: unknown; readonly failure?: Failure };

export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return { message, status: error instanceof RefusedError ? error.status : 0 };
}

/**
 * A thread that is asked and answers. `Results` names by `type` of a request what comes back: both sides are of one build,
 * and this table is all that types say of it.
 */
export class Thread<Request extends { readonly type: string }, Results extends Record<Request['type'], unknown>> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  /** @param module without its ending: `.ts` in development, `.js` when built */
  constructor(module: string, base: string) {
    this.#worker = new Worker(new URL(`${module}${base.endsWith('.ts') ? '.ts' : '.js'}`, base));
    this.#worker.on('message', ({ id, result, failure }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (failure === undefined) waiting?.resolve(result);
      else waiting?.reject(new RefusedError(failure.message, failure.status));
    });
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#fail(new Error('a thread of the benchmark ended')));
  }

  /** @throws RefusedError with what the thread threw */
  async ask<Type extends Request['type']>(request: Request & { readonly type: Type }): Promise<Results[Type]> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      // What the table says; see above.
      this.#waiting.set(id, { resolve: (result) => resolve(result as Results[Type]), reject });
      this.#worker.postMessage({ id, request } satisfies Call<Request>);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** The other side of `Thread`. @param answer may throw; the asker gets it */
export function serve<Request>(port: MessagePort, answer: (request: Request) => Promise<unknown>): void {
  port.on('message', ({ id, request }: Call<Request>) => {
    answer(request).then(
      (result) => port.postMessage({ id, result } satisfies Answer),
      (error: unknown) => port.postMessage({ id, failure: failureOf(error) } satisfies Answer),
    );
  });
}
