import type { MessagePort } from 'node:worker_threads';
import { isRelayToWorker, plainAddress, RELAY_WINDOW_BYTES, type RelayToMain } from '@shardcast/shared';
import type { ByteConnection } from './byte-connection.ts';

/** A message costs main a wake-up, so bytes are acknowledged in lots, each a small part of the relay's window. */
const ACK_BYTES = RELAY_WINDOW_BYTES / 8;

/**
 * A connection whose socket the main thread holds and relays.
 * @param remote the peer as `address:port`, `[address]:port` or `address`
 */
export function portConnection(port: MessagePort, remote: string): ByteConnection {
  return new PortConnection(port, remote);
}

class PortConnection implements ByteConnection {
  onBytes: (buffer: Buffer, start: number, end: number) => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  readonly remoteAddress: string;
  readonly #port: MessagePort;
  #localAddress = '';
  #isClosed = false;
  #unacknowledged = 0;
  readonly #waiting: Uint8Array[] = [];
  #hadItsTurn = false;
  #endReason: string | undefined;

  constructor(port: MessagePort, remote: string) {
    this.remoteAddress = plainAddress(/^\[(.*)\](?::\d+)?$/.exec(remote)?.[1] ?? remote.replace(/^([^:]*):\d+$/, '$1'));
    this.#port = port;
    port.on('message', (message: unknown) => this.#receive(message));
    port.on('close', () => this.#end('the connection was lost'));
  }

  get localAddress(): string {
    return this.#localAddress;
  }

  write(bytes: Buffer): void {
    if (!this.#isClosed) this.#post({ type: 'bytes', bytes });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#post({ type: 'end' });
    this.#port.close();
  }

  #receive(message: unknown): void {
    if (this.#isClosed || !isRelayToWorker(message)) return;
    if (message.type === 'open') {
      this.#localAddress = plainAddress(message.local);
    } else if (message.type === 'end') {
      this.#endReason = message.reason;
      if (this.#waiting.length === 0) this.#endByPeer(message.reason);
    } else {
      this.#waiting.push(message.bytes);
      if (!this.#hadItsTurn) this.#takeTurn();
    }
  }

  /**
   * One read a turn of the loop. A port hands over all that is queued at once: a publisher that floods would keep the
   * heartbeat and all other streams waiting. What waits is not acknowledged, so that the sender is held up, not the worker.
   */
  #takeTurn(): void {
    const bytes = this.#waiting.shift();
    if (bytes === undefined || this.#isClosed) return;
    this.#hadItsTurn = true;
    setImmediate(() => {
      this.#hadItsTurn = false;
      if (this.#waiting.length > 0) this.#takeTurn();
      else if (this.#endReason !== undefined) this.#endByPeer(this.#endReason);
    });
    this.onBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength);
    this.#unacknowledged += bytes.byteLength;
    if (this.#unacknowledged < ACK_BYTES || this.#isClosed) return;
    this.#post({ type: 'ack', bytes: this.#unacknowledged });
    this.#unacknowledged = 0;
  }

  #endByPeer(reason: string): void {
    this.#port.close();
    this.#end(reason);
  }

  #end(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.onClose(reason);
  }

  #post(message: RelayToMain): void {
    this.#port.postMessage(message);
  }
}
