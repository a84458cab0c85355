import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { DescriptorClaim, type RtspCarrier, socketHandle } from '@shardcast/shared';

/** A second descriptor of the same open socket. @throws Error when there is none to copy */
export type DuplicateDescriptor = (descriptor: number) => number;

/**
 * Gives a connection's socket to a worker by a second descriptor, since a handle cannot move between threads and two on one
 * descriptor would close it under each other. Main's own handle stays open, and silent, until the worker has answered: what
 * becomes of the second one is clear then, whoever is gone.
 */
export class SocketHandover {
  /** For the worker. */
  readonly carrier: Extract<RtspCarrier, { type: 'descriptor' }>;
  readonly #claim: DescriptorClaim;

  private constructor(descriptor: number, claim: DescriptorClaim, first: Uint8Array) {
    this.#claim = claim;
    this.carrier = { type: 'descriptor', descriptor, claim: claim.memory, first };
  }

  /**
   * Stops reading for good when it succeeds: end the socket, whatever comes.
   * @param socket paused
   * @param first what was read already
   * @returns undefined when it cannot be handed over, and is as it was
   */
  static begin(socket: Socket, duplicate: DuplicateDescriptor, first: readonly Buffer[]): SocketHandover | undefined {
    const handle = socketHandle(socket);
    // What is still to be sent must come before all that the worker sends.
    if (handle === undefined || socket.writableLength > 0) return undefined;
    let descriptor: number;
    try {
      descriptor = duplicate(handle.fd);
    } catch {
      return undefined; // no descriptors left, say: the relay needs none
    }
    handle.readStop();
    const buffered: unknown = socket.read(); // what came since the pause
    const bytes = Buffer.isBuffer(buffered) ? [...first, buffered] : first;
    return new SocketHandover(descriptor, new DescriptorClaim(), new Uint8Array(Buffer.concat(bytes)));
  }

  /** Nobody took it, or nobody ought to any more: closes the second descriptor unless it is a worker's. Idempotent. */
  withdraw(): void {
    if (this.#claim.withdraw()) closeSync(this.carrier.descriptor);
  }
}
