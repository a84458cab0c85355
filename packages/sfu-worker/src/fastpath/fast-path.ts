import type { Leg } from '../forward/leg.ts';
import type { PacketBatch } from '../forward/packet-batch.ts';

/**
 * Puts a batch on the wire for a group of legs: header rewrite, SRTP, send. One call a frame and group, so
 * that an implementation can batch crypto and system calls as it likes.
 */
export interface FastPath {
  readonly name: 'portable' | 'native';
  /**
   * @param timestamps output timestamps before the leg's offset when they differ from the batch's (catching up)
   * @returns datagrams handed to the socket; the rest was dropped and counted.
   */
  forward(batch: PacketBatch, legs: readonly Leg[], nowMs: number, timestamps?: Float64Array): number;
}
