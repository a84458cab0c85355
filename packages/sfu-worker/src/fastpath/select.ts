import { ShardcastError, type Telemetry, type WorkerSettings } from '@shardcast/shared';
import type { LegTable } from '../forward/leg-table.ts';
import { PacketPool, SLOT_BYTES } from '../forward/packet-pool.ts';
import type { WorkerLog } from '../log.ts';
import type { DatagramSocket, OpenDatagramSocket } from '../session/datagram-socket.ts';
import type { FastPath } from './fast-path.ts';
import { NativeFastPath } from './native.ts';
import { NativeDatagramSocket } from './native-datagram-socket.ts';
import { PortableFastPath } from './portable.ts';
import { usableAddon } from './usable-addon.ts';
import { WasmFanOut } from './wasm-fan-out.ts';

/** A media path and the kind of socket that it sends on. */
export type SelectedPath = {
  readonly openSocket: OpenDatagramSocket | undefined;
  /** Undefined for `bufferPool: off`. */
  readonly pool: PacketPool | undefined;
  fastPath(socket: DatagramSocket, parts: FastPathParts): FastPath;
};

export type FastPathParts = {
  readonly telemetry: Telemetry;
  readonly legs: LegTable;
  readonly sessionCounters: SharedArrayBuffer;
};

type PathSettings = Pick<WorkerSettings, 'fastPath' | 'bufferPool' | 'poolSlots'>;

function portable({ bufferPool, poolSlots }: PathSettings, log: WorkerLog): SelectedPath {
  const made = bufferPool ? WasmFanOut.create(poolSlots) : { reason: 'it has no way without a buffer pool' };
  const wasm = 'reason' in made ? undefined : made;
  if ('reason' in made) log.debug('the portable media path does without WebAssembly', { reason: made.reason });
  const pool = wasm?.pool ?? (bufferPool ? new PacketPool(poolSlots) : undefined);
  return {
    openSocket: undefined,
    pool,
    fastPath: (socket, { telemetry }) => new PortableFastPath(pool, socket, telemetry, wasm),
  };
}

/**
 * Chooses the media path at a worker's start: `auto` takes the addon where there is one. Without a buffer pool (a
 * comparison) it is the portable one: the addon has no other way.
 * @throws ShardcastError CONFIG_INVALID when `native` is asked for and cannot be had.
 */
export function selectFastPath(settings: PathSettings, log: WorkerLog): SelectedPath {
  const loaded = usableAddon(settings);
  if ('reason' in loaded) {
    if (settings.fastPath === 'native')
      throw new ShardcastError('CONFIG_INVALID', `the native media path cannot be used: ${loaded.reason}`);
    log.debug('the portable media path serves', { reason: loaded.reason });
    return portable(settings, log);
  }
  const { addon } = loaded;
  const queueBytes = settings.poolSlots * SLOT_BYTES;
  return {
    pool: new PacketPool(settings.poolSlots),
    openSocket: async (where, context) => new NativeDatagramSocket(addon, { ...where, queueBytes }, context),
    fastPath: (socket, parts) => {
      if (!(socket instanceof NativeDatagramSocket)) throw new TypeError('the native path sends on its own socket');
      return new NativeFastPath({ addon, socket, ...parts });
    },
  };
}
