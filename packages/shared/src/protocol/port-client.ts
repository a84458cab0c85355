import type { MessagePort, Transferable } from 'node:worker_threads';
import { ShardcastError, type WireError } from '../errors.ts';
import { type ControlRequest, type ControlResult, WorkerEvent } from './control.ts';

type Pending = { resolve(value: unknown): void; reject(error: Error): void };

/** Main's end of a shard's port: pairs requests with replies, hands events on, and rejects what a lost worker owes. */
export class PortClient {
  readonly #port: MessagePort;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  /** @param onEvent called for every well-formed event; malformed ones go to `onProtocolError`. */
  constructor(port: MessagePort, onEvent: (event: WorkerEvent) => void, onProtocolError: (error: Error) => void) {
    this.#port = port;
    port.on('message', (message: unknown) => {
      if (isReply(message)) {
        this.#settle(message);
        return;
      }
      const event = WorkerEvent.safeParse(message);
      if (event.success) onEvent(event.data);
      else onProtocolError(new Error(`malformed worker message: ${event.error.message}`));
    });
    port.on('close', () => this.close());
  }

  /** @throws ShardcastError the worker's, or WORKER_LOST when the port closes first. */
  request<T extends ControlRequest['type']>(
    request: Extract<ControlRequest, { type: T }>,
    transfer: readonly Transferable[] = [],
  ): Promise<ControlResult<T>> {
    if (this.#closed) return Promise.reject(new ShardcastError('WORKER_LOST', 'the worker is gone'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.postMessage({ id, request }, transfer);
    });
  }

  /** Rejects every pending request with WORKER_LOST. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const pending of this.#pending.values()) {
      pending.reject(new ShardcastError('WORKER_LOST', 'the worker was lost before it answered'));
    }
    this.#pending.clear();
    this.#port.close();
  }

  #settle(message: { reply: number; ok?: unknown; error?: WireError }): void {
    const pending = this.#pending.get(message.reply);
    if (pending === undefined) return;
    this.#pending.delete(message.reply);
    if (message.error !== undefined) pending.reject(new ShardcastError(message.error.code, message.error.message));
    else pending.resolve(message.ok);
  }
}

function isReply(message: unknown): message is { reply: number; ok?: unknown; error?: WireError } {
  return typeof message === 'object' && message !== null && 'reply' in message && typeof message.reply === 'number';
}
