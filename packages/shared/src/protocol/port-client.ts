import type { MessagePort, Transferable } from 'node:worker_threads';
import type { ZodError } from 'zod';
import { ShardcastError, type WireError } from '../errors.ts';
import { type ControlRequest, type ControlResult, WorkerEvent } from './control.ts';

type Pending = { resolve(value: unknown): void; reject(error: Error): void };

const MAX_FAULT_LENGTH = 200;

/** Main's end of a shard's port: pairs requests with replies, hands events on, and rejects what a lost worker owes. */
export class PortClient {
  readonly #port: MessagePort;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  /** @param onEvent called for every well-formed event; malformed ones go to `onProtocolError`, in a few words. */
  constructor(port: MessagePort, onEvent: (event: WorkerEvent) => void, onProtocolError: (fault: string) => void) {
    this.#port = port;
    port.on('message', (message: unknown) => {
      if (isReply(message)) {
        this.#settle(message);
        return;
      }
      const event = WorkerEvent.safeParse(message);
      if (event.success) onEvent(event.data);
      else onProtocolError(faultOf(message, event.error));
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

/** One short line: a schema's own report is as long as the message is wrong. */
function faultOf(message: unknown, { issues }: ZodError): string {
  const event = typeof message === 'object' && message !== null && 'event' in message ? message.event : undefined;
  const name = typeof event === 'string' ? event : 'message';
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return `${name}: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`.slice(0, MAX_FAULT_LENGTH) + more;
}

function isReply(message: unknown): message is { reply: number; ok?: unknown; error?: WireError } {
  return typeof message === 'object' && message !== null && 'reply' in message && typeof message.reply === 'number';
}
