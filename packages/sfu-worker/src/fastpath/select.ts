import type { Telemetry } from '@shardcast/shared';
import type { PacketPool } from '../forward/packet-pool.ts';
import type { FastPath } from './fast-path.ts';
import { type DatagramQueue, PortableFastPath } from './portable.ts';

/** Chooses the media path at a worker's start. */
export function selectFastPath(options: {
  readonly pool: PacketPool | undefined;
  readonly queue: DatagramQueue;
  readonly telemetry: Telemetry;
}): FastPath {
  return new PortableFastPath(options.pool, options.queue, options.telemetry);
}
