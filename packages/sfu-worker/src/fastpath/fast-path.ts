import type { FastPathDetail } from '@shardcast/shared';
import type { LegGroup } from '../forward/leg-group.ts';
import type { PacketBatch } from '../forward/packet-batch.ts';
import type { SrtpSender } from '../session/srtp/protect.ts';
import type { PacketOpener, SrtpProfile } from '../session/srtp/session-keys.ts';

/** Where a session's packets go. */
export type Destination = { readonly address: string; readonly port: number };

/**
 * Puts batches on the wire for groups of legs: header rewrite, SRTP, send. One call a frame and group, so that an
 * implementation can batch crypto and system calls as it likes. All implementations put the same bytes on the wire.
 */
export interface FastPath {
  readonly name: 'portable' | 'native';
  readonly detail: FastPathDetail;
  /** SRTP profiles, the cheapest first. */
  readonly profiles: readonly SrtpProfile[];

  /** A connected session's sending side. @returns the number that its legs name as their channel */
  openChannel(sender: SrtpSender): number;
  /** Nothing is sent on a channel without a destination. */
  setDestination(channel: number, destination: Destination): void;
  /** Its legs are in no group any more. */
  closeChannel(channel: number): void;

  /** What opens a publisher's packets; undefined where `SrtpReceiver` does it best. */
  opener(profile: SrtpProfile, masterKey: string, masterSalt: string): PacketOpener | undefined;

  /**
   * Legs that lose a packet for want of room are marked as starved.
   * @param timestamps output timestamps before the leg's offset when they differ from the batch's (catching up)
   * @returns datagrams handed to the socket; the rest was dropped and counted.
   */
  forward(batch: PacketBatch, legs: LegGroup, nowMs: number, timestamps?: Float64Array): number;
}
