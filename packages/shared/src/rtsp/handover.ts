import type { Socket } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import { z } from 'zod';

/** Who closes a duplicated descriptor. */
const OWNER = { MAIN: 0, WORKER: 1, NOBODY: 2 } as const;

/**
 * Says which thread owns a descriptor that is on its way from main to a worker, in memory that both see: it must be closed
 * once, whichever of the two goes away in between, and never by a number that may be somebody else's by then.
 */
export class DescriptorClaim {
  /** Goes along with the descriptor. */
  readonly memory: SharedArrayBuffer;
  /** A view of it, for the addon, which takes a descriptor in one step with its socket. */
  readonly owner: Int32Array;

  /** @param memory of the other side's claim; a new one, owned by main, without it */
  constructor(memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.owner = new Int32Array(memory);
  }

  /** Worker: the descriptor is its own from here on. False when main has withdrawn it. */
  take(): boolean {
    return this.#pass(OWNER.MAIN, OWNER.WORKER);
  }

  /** Worker: it could not use the descriptor after all, and has not closed it. */
  giveBack(): void {
    this.#pass(OWNER.WORKER, OWNER.MAIN);
  }

  /** Main: nobody else may take it any more. True when it is main's to close, once. */
  withdraw(): boolean {
    return this.#pass(OWNER.MAIN, OWNER.NOBODY);
  }

  #pass(from: number, to: number): boolean {
    return Atomics.compareExchange(this.owner, 0, from, to) === from;
  }
}

/** How an RTSP connection that main accepted gets to the worker that owns its stream. */
export const RtspCarrier = z.discriminatedUnion('type', [
  z.strictObject({
    /** A second descriptor of its socket, with what main has read already; the worker reads and writes from then on. */
    type: z.literal('descriptor'),
    descriptor: z.int().min(0),
    /** Of a `DescriptorClaim`. */
    claim: z.custom<SharedArrayBuffer>((value) => value instanceof SharedArrayBuffer),
    first: z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  }),
  z.strictObject({
    /** Main keeps the socket and relays its bytes over `port`, which is transferred (`RelayToWorker`, `RelayToMain`). */
    type: z.literal('relay'),
    port: z.custom<MessagePort>((value) => typeof value === 'object' && value !== null),
  }),
]);
export type RtspCarrier = z.infer<typeof RtspCarrier>;

/** What there is of a connected TCP socket's handle in every version of Node, undocumented as it is. */
export type SocketHandle = { readonly fd: number; readStop(): unknown };

/** @returns undefined when the socket is closed, or its handle is not as expected */
export function socketHandle(socket: Socket): SocketHandle | undefined {
  if (socket.destroyed || !('_handle' in socket)) return undefined;
  const handle = socket._handle;
  if (typeof handle !== 'object' || handle === null || !('fd' in handle) || !('readStop' in handle)) return undefined;
  const { fd, readStop } = handle;
  if (typeof fd !== 'number' || fd < 0 || typeof readStop !== 'function') return undefined;
  return { fd, readStop: () => readStop.call(handle) };
}
