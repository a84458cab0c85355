import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { TRACK_COUNTER, trackCounter } from '@shardcast/shared';
import { LEG, LEG_DOUBLES } from '../forward/leg-table.ts';
import { PACKET, PACKET_BYTES } from '../forward/packet-batch.ts';
import { SLOT_BYTES } from '../forward/packet-pool.ts';
import type { NativeDtls } from '../session/dtls/native-dtls.ts';
import type { PacketOpener } from '../session/srtp/session-keys.ts';

/** A UDP socket on the event loop of the thread that makes it. */
export interface NativeUdpSocket {
  readonly port: number;
  readonly family: 4 | 6;
  /** Calls back when datagrams wait. */
  start(onReadable: () => void): void;
  /** Describes a lot in `out`, four numbers each: offset in the memory, bytes, peer (0 a stranger), message. */
  receive(out: Int32Array): number;
  /** Where a message of the last `receive` came from. */
  source(message: number): { address: string; port: number } | undefined;
  /** Datagrams from this address carry the number `peer`. */
  know(address: string, port: number, peer: number): boolean;
  forget(address: string, port: number): void;
  /** Sends, or keeps a copy. @returns false when it could do neither */
  send(bytes: Uint8Array, start: number, length: number, address: string, port: number): boolean;
  /** Fills `out` (`STATISTICS.FIELDS`). */
  statistics(out: Float64Array): void;
  /** Memory for what is kept back while the kernel takes no more. */
  queuedBytes(): number;
  close(): void;
}

/** What `NativeUdpSocket.statistics` tells; the last two are 1 or 0: whether segments go out, and come in, at once. */
export const STATISTICS = {
  DATAGRAMS_OUT: 0,
  SEND_ERRORS: 1,
  OFFLOAD_REFUSED: 2,
  TRUNCATED: 3,
  SEGMENTS: 4,
  COALESCES: 5,
  FIELDS: 6,
} as const;

export type NativeUdpSocketOptions = {
  readonly host: string;
  readonly port: number;
  readonly bufferBytes: number;
  readonly queueBytes: number;
  /** Segmentation and coalescing by the kernel, where it has them. */
  readonly offload: boolean;
  /** Where datagrams are received: `layout.receiveSlots * layout.receiveSlotBytes`. */
  readonly memory: Uint8Array;
  /** It takes turns with the thread's other such sockets, and with its `StreamSocket`s; else it is served in every turn of the loop. */
  readonly isOneOfMany?: boolean;
};

/** A worker's sending side. Numbers that make no sense are refused or skipped, never followed. */
export interface NativeFanOut {
  /** @throws TypeError for a profile or keys of another shape */
  openChannel(profile: number, key: Uint8Array, authentication: Uint8Array, salt: Uint8Array): number;
  setDestination(channel: number, address: string, port: number): boolean;
  closeChannel(channel: number): void;
  /**
   * Its numbers, in and out, are in the `call` that the constructor was given (native/src/layout.h).
   * @param buffers of each packet, or the one that all have. @returns false when the arguments do not fit
   */
  forward(
    columns: Uint8Array,
    buffers: readonly Uint8Array[] | Uint8Array,
    rows: Float64Array,
    ids: Int32Array,
    timestamps: Float64Array | undefined,
  ): boolean;
}

/** A connected TCP socket on the event loop of the thread that makes it. */
export interface NativeStreamSocket {
  /** IP literals; empty when the connection is gone. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** Sends from `start` on. @returns what the kernel took, maybe 0, or a negative errno */
  send(bytes: Uint8Array, start: number): number;
  /** What is called back for; only reads at first. */
  watch(reads: boolean, writes: boolean): void;
  close(): void;
}

export type NativeStreamSocketOptions = {
  readonly descriptor: number;
  /** Of a `DescriptorClaim`: taken in one step with the descriptor. */
  readonly claim: Int32Array;
  /** Where reads go. */
  readonly memory: Uint8Array;
  /** Once a turn of the loop: bytes in the memory, 0 at the peer's end, a negative errno. */
  readonly onRead: (bytes: number) => void;
  readonly onWritable: () => void;
};

/** The addon's exports (native/src/addon.cc). */
export interface NativeAddon extends NativeDtls {
  readonly UdpSocket: new (options: NativeUdpSocketOptions) => NativeUdpSocket;
  /** @param sessionCounters and `call` must be in shared memory, which the addon keeps. */
  readonly FanOut: new (
    socket: NativeUdpSocket,
    sessionCounters: Float64Array,
    call: Float64Array,
  ) => NativeFanOut;
  readonly SrtpOpener: new (
    profile: number,
    key: Uint8Array,
    authentication: Uint8Array,
    salt: Uint8Array,
  ) => PacketOpener;
  /** @throws Error when the descriptor was withdrawn or is none of a TCP socket: it is not taken then. */
  readonly StreamSocket: new (
    options: NativeStreamSocketOptions,
  ) => NativeStreamSocket;
  /** What encrypts packets with AES-GCM. */
  readonly cipher: 'vaes' | 'openssl';
  readonly layout: Readonly<Record<string, number>>;
  /** A second descriptor of the same socket, for another thread. @throws Error when there is none to copy */
  duplicateDescriptor(descriptor: number): number;
}

/** The numbers of a call of `NativeFanOut.forward`; the first three are its results. */
export const CALL = { SENT: 0, TOO_BIG: 1, NO_ROOM: 2, PACKETS: 4, LEGS: 5, NOW_MS: 6, DOUBLES: 7 } as const;

/** What both sides must agree on; the addon brings its own. */
const LAYOUT: Readonly<Record<string, number>> = {
  legChannel: LEG.CHANNEL,
  legSsrc: LEG.SSRC,
  legPayloadType: LEG.PAYLOAD_TYPE,
  legCounters: LEG.COUNTERS,
  legIndexDelta: LEG.INDEX_DELTA,
  legFirstIndex: LEG.FIRST_INDEX,
  legTimestampOffset: LEG.TIMESTAMP_OFFSET,
  legStarved: LEG.STARVED,
  legDoubles: LEG_DOUBLES,
  counterOut: TRACK_COUNTER.OUT,
  counterLastTimestamp: TRACK_COUNTER.LAST_TIMESTAMP,
  counterPackets: TRACK_COUNTER.PACKETS,
  counterOctets: TRACK_COUNTER.OCTETS,
  counterLastTimestampAt: TRACK_COUNTER.LAST_TIMESTAMP_AT,
  counterDoubles: trackCounter(1, 0) - trackCounter(0, 0),
  batchPacketBytes: PACKET_BYTES,
  batchMarker: PACKET.MARKER,
  callPackets: CALL.PACKETS,
  callLegs: CALL.LEGS,
  callNowMs: CALL.NOW_MS,
  callDoubles: CALL.DOUBLES,
  maxPacketBytes: SLOT_BYTES,
  receiveSlots: 16,
  receiveSlotBytes: 65_536,
};

/** Bytes that `NativeUdpSocketOptions.memory` needs. */
export const RECEIVE_BYTES = (LAYOUT['receiveSlots'] ?? 0) * (LAYOUT['receiveSlotBytes'] ?? 0);
/** Datagrams that one `receive` describes at most: a message has up to 64. */
export const RECEIVE_DATAGRAMS = (LAYOUT['receiveSlots'] ?? 0) * 64;

export type LoadedAddon = { readonly addon: NativeAddon } | { readonly reason: string };

let loaded: LoadedAddon | undefined;

/** The addon, or why there is none. Asked once a thread. */
export function loadNativeAddon(): LoadedAddon {
  loaded ??= load();
  return loaded;
}

function load(): LoadedAddon {
  let addon: NativeAddon;
  try {
    // As src/ and as dist/ this file is two levels below the package. The loader has no types.
    const directory = fileURLToPath(new URL('../../native', import.meta.url));
    addon = (createRequire(import.meta.url)('node-gyp-build') as (directory: string) => NativeAddon)(directory);
  } catch (error) {
    return { reason: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
  }
  for (const [name, value] of Object.entries(LAYOUT)) {
    if (addon.layout[name] !== value) return { reason: `the addon was built from other sources (${name} differs)` };
  }
  return { addon };
}
