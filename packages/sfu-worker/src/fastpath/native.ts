import { type FastPathDetail, SESSION_DOUBLES, type Telemetry, WORKER } from '@shardcast/shared';
import type { LegGroup } from '../forward/leg-group.ts';
import type { LegTable } from '../forward/leg-table.ts';
import type { PacketBatch } from '../forward/packet-batch.ts';
import type { SrtpSender } from '../session/srtp/protect.ts';
import { type CipherKeys, deriveDirection, type PacketOpener, type SrtpProfile } from '../session/srtp/session-keys.ts';
import type { Destination, FastPath } from './fast-path.ts';
import { CALL, type NativeAddon, type NativeFanOut } from './native-addon.ts';
import type { NativeDatagramSocket } from './native-datagram-socket.ts';

/** The media path in the addon: rewrite, OpenSSL's ciphers and offloaded sends, one call a batch and group. */
export class NativeFastPath implements FastPath {
  readonly name = 'native';
  /** AEAD_AES_128_GCM is one pass with hardware for all of it. */
  readonly profiles = [7, 1] as const;
  readonly detail: FastPathDetail;
  readonly #addon: NativeAddon;
  readonly #fanOut: NativeFanOut;
  readonly #legs: LegTable;
  readonly #telemetry: Telemetry;
  readonly #call = new Float64Array(new SharedArrayBuffer(CALL.DOUBLES * Float64Array.BYTES_PER_ELEMENT));

  constructor(options: {
    addon: NativeAddon;
    socket: NativeDatagramSocket;
    sessionCounters: SharedArrayBuffer;
    legs: LegTable;
    telemetry: Telemetry;
  }) {
    const doubles = Math.floor(options.sessionCounters.byteLength / Float64Array.BYTES_PER_ELEMENT);
    if (doubles < SESSION_DOUBLES) throw new RangeError('no session fits these counters');
    this.#addon = options.addon;
    this.detail = { cipher: options.addon.cipher, offload: options.socket.offload };
    this.#fanOut = new options.addon.FanOut(
      options.socket.native,
      new Float64Array(options.sessionCounters, 0, doubles),
      this.#call,
    );
    this.#legs = options.legs;
    this.#telemetry = options.telemetry;
  }

  openChannel(sender: SrtpSender): number {
    return this.#fanOut.openChannel(sender.profile, ...addonKeys(sender.rtpKeys));
  }

  setDestination(channel: number, { address, port }: Destination): void {
    this.#fanOut.setDestination(channel, address, port);
  }

  closeChannel(channel: number): void {
    this.#fanOut.closeChannel(channel);
  }

  opener(profile: SrtpProfile, masterKey: string, masterSalt: string): PacketOpener {
    return new this.#addon.SrtpOpener(profile, ...addonKeys(deriveDirection(profile, masterKey, masterSalt).rtp));
  }

  forward(batch: PacketBatch, group: LegGroup, nowMs: number, timestamps?: Float64Array): number {
    const call = this.#call;
    call[CALL.PACKETS] = batch.count;
    call[CALL.LEGS] = group.size;
    call[CALL.NOW_MS] = nowMs;
    const buffers = batch.commonBuffer ?? batch.buffers;
    if (!this.#fanOut.forward(batch.columns, buffers, this.#legs.rows, group.rows, timestamps)) return 0;
    const sent = call[CALL.SENT] as number;
    this.#telemetry.add(WORKER.datagramsOut, sent);
    const tooBig = call[CALL.TOO_BIG] as number;
    if (tooBig > 0) this.#telemetry.add(WORKER.droppedTooBig, tooBig);
    const noRoom = call[CALL.NO_ROOM] as number;
    if (noRoom > 0) this.#telemetry.add(WORKER.droppedNoSlot, noRoom);
    return sent;
  }
}

function addonKeys(keys: CipherKeys): [key: Buffer, authentication: Buffer, salt: Buffer] {
  return [keys.encryption, keys.authentication.export(), keys.salt];
}
