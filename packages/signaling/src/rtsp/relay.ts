import type { Socket } from 'node:net';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { isRelayToMain, MAX_UNSENT_BYTES, RELAY_WINDOW_BYTES, type RelayToWorker } from '@shardcast/shared';
import { type GuardedConnection, guarded } from '../guard/guarded.ts';

/**
 * Carries the bytes of a connection between its socket, which stays here, and the worker that owns it. Neither side can
 * make the other hold much: the socket is paused while the worker is behind, and a peer that does not read is dropped.
 */
export class RtspRelay {
  /** The worker's end, to be transferred. */
  readonly workerPort: MessagePort;
  readonly #port: MessagePort;
  readonly #socket: Socket;
  readonly #guard: GuardedConnection;
  #unacknowledged = 0;
  #isClosed = false;

  /** @param socket paused, without `data` listeners */
  constructor(socket: Socket, guard: GuardedConnection) {
    const { port1, port2 } = new MessageChannel();
    this.workerPort = port2;
    this.#port = port1;
    this.#socket = socket;
    this.#guard = guard;
  }

  /** Bytes that the worker has not acknowledged. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** Once the worker has its port. @param first what was read already; the relay owns it from then on */
  start(first: readonly Buffer[]): void {
    const socket = this.#socket;
    const safely = <A extends readonly unknown[]>(handler: (...args: A) => void) => guarded(this.#guard, handler);
    this.#port.on(
      'message',
      safely((message: unknown) => this.#receive(message)),
    );
    this.#port.on(
      'close',
      safely(() => this.close('the worker was lost')),
    );
    this.#post({ type: 'open', local: socket.localAddress ?? '' });
    for (const bytes of first) this.#forward(bytes);
    let reason = 'the peer closed the connection';
    socket.on(
      'data',
      safely((bytes: Buffer) => this.#forward(bytes)),
    );
    socket.on('error', () => {
      reason = 'connection reset';
    });
    socket.on(
      'close',
      safely(() => this.close(reason)),
    );
    if (socket.destroyed) this.close(reason);
    else if (this.#unacknowledged <= RELAY_WINDOW_BYTES) socket.resume();
  }

  /** Before `start`: nobody took the worker's end. The socket is left alone. */
  abandon(): void {
    this.#isClosed = true;
    this.#port.close();
  }

  /** Ends both sides. Idempotent. */
  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#post({ type: 'end', reason });
    this.#port.close();
    endSoon(this.#socket);
  }

  #forward(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#unacknowledged += bytes.length;
    // A read has memory of its own, which goes along; small slices of Node's common pool are copied.
    const { buffer } = bytes;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length;
    this.#port.postMessage({ type: 'bytes', bytes } satisfies RelayToWorker, isWhole ? [buffer] : []);
    if (this.#unacknowledged > RELAY_WINDOW_BYTES) this.#socket.pause();
  }

  #receive(message: unknown): void {
    if (this.#isClosed || !isRelayToMain(message)) return;
    if (message.type === 'end') {
      this.close('the worker closed the connection');
    } else if (message.type === 'ack') {
      this.#unacknowledged -= message.bytes;
      if (this.#unacknowledged < RELAY_WINDOW_BYTES / 2 && this.#socket.isPaused()) this.#socket.resume();
    } else {
      this.#socket.write(message.bytes);
      if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.#socket.destroy();
    }
  }

  #post(message: RelayToWorker): void {
    this.#port.postMessage(message);
  }
}

/** What was written may take this long to leave, then the socket goes: a peer that does not read does not keep it. */
const LINGER_MS = 2000;

/** Closes a socket after what was written to it. */
export function endSoon(socket: Socket): void {
  if (socket.destroyed) return;
  socket.setTimeout(LINGER_MS, () => socket.destroy());
  socket.destroySoon();
}
