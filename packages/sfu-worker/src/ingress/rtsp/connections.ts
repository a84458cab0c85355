import { type RtspCarrier, ShardcastError } from '@shardcast/shared';
import type { ByteConnection } from './byte-connection.ts';
import type { DialTarget } from './dial-target.ts';
import { NetConnection } from './net-connection.ts';
import { PolledConnection, type StreamAddon } from './polled-connection.ts';
import { portConnection } from './port-connection.ts';

/** Makes a worker's RTSP connections, over the addon's sockets where it serves. */
export class Connections {
  readonly #addon: StreamAddon | undefined;

  constructor(addon: StreamAddon | undefined) {
    this.#addon = addon;
  }

  /** Connects; `onConnect` says when. A failure comes as `onClose`. */
  dial(target: DialTarget, onConnect: () => void): ByteConnection {
    // The addon reads sockets, and TLS is more than a socket.
    if (this.#addon === undefined || target.tls !== undefined) return NetConnection.dial(target, onConnect);
    return PolledConnection.dial(this.#addon, target, onConnect);
  }

  /**
   * What main accepted and hands over.
   * @param remote the peer as `address:port`, `[address]:port` or `address`
   * @throws Error when a descriptor was withdrawn, is none of a socket, or cannot be taken: it is still main's then
   */
  adopt(carrier: RtspCarrier, remote: string): ByteConnection {
    if (carrier.type === 'relay') return portConnection(carrier.port, remote);
    // Main follows the same rule and sends none.
    if (this.#addon === undefined) throw new ShardcastError('INTERNAL', 'no descriptor can be taken here');
    return PolledConnection.adopt(this.#addon, carrier);
  }
}
