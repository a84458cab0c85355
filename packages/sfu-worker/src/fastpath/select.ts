import { ShardcastError, type Telemetry, type WorkerSettings } from '@shardcast/shared';
import type { LegTable } from '../forward/leg-table.ts';
import type { PacketPool } from '../forward/packet-pool.ts';
import { SLOT_BYTES } from '../forward/packet-pool.ts';
import type { WorkerLog } from '../log.ts';
import type { DatagramSocket, OpenDatagramSocket } from '../session/datagram-socket.ts';
import type { FastPath } from './fast-path.ts';
import { NativeFastPath } from './native.ts';
import { NativeDatagramSocket } from './native-datagram-socket.ts';
import { PortableFastPath } from './portable.ts';
import { usableAddon } from './usable-addon.ts';

/** A media path and the kind of socket that it sends on. */
export type SelectedPath = {
  readonly openSocket: OpenDatagramSocket | undefined;
  fastPath(socket: DatagramSocket, parts: FastPathParts): FastPath;
};

export type FastPathParts = {
  readonly pool: PacketPool | undefined;
  readonly telemetry: Telemetry;
  readonly legs: LegTable;
  readonly sessionCounters: SharedArrayBuffer;
};

const PORTABLE: SelectedPath = {
  openSocket: undefined,
  fastPath: (socket, { pool, telemetry }) => new PortableFastPath(pool, socket, telemetry),
};

/**
 * Chooses the media path at a worker's start: `auto` takes the addon where there is one. Without a buffer pool (a
 * comparison) it is the portable one: the addon has no other way.
 * @throws ShardcastError CONFIG_INVALID when `native` is asked for and cannot be had.
 */
export function selectFastPath(
  settings: Pick<WorkerSettings, 'fastPath' | 'bufferPool' | 'poolSlots'>,
  log: WorkerLog,
): SelectedPath {
  const loaded = usableAddon(settings);
  if ('reason' in loaded) {
    if (settings.fastPath === 'native')
      throw new ShardcastError('CONFIG_INVALID', `the native media path cannot be used: ${loaded.reason}`);
    log.debug('the portable media path serves', { reason: loaded.reason });
    return PORTABLE;
  }
  const { addon } = loaded;
  const queueBytes = settings.poolSlots * SLOT_BYTES;
  return {
    openSocket: async (where, context) => new NativeDatagramSocket(addon, { ...where, queueBytes }, context),
    fastPath: (socket, parts) => {
      if (!(socket instanceof NativeDatagramSocket)) throw new TypeError('the native path sends on its own socket');
      return new NativeFastPath({ addon, socket, ...parts });
    },
  };
}
