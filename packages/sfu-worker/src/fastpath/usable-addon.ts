import type { WorkerSettings } from '@shardcast/shared';
import { type LoadedAddon, loadNativeAddon } from './native-addon.ts';

/** What of the settings decides. */
export type AddonSettings = Pick<WorkerSettings, 'fastPath' | 'bufferPool'>;

/** The addon, where settings and machine let it serve: one rule for the media path and for all else that it can do. */
export function usableAddon({ fastPath, bufferPool }: AddonSettings): LoadedAddon {
  if (fastPath === 'portable') return { reason: 'the configuration says so' };
  if (!bufferPool) return { reason: 'it has no way without a buffer pool' };
  return loadNativeAddon();
}

/** Makes second descriptors of sockets, for another thread; undefined where the addon does not serve. */
export function descriptorDuplicator(settings: AddonSettings): ((descriptor: number) => number) | undefined {
  const loaded = usableAddon(settings);
  return 'addon' in loaded ? (descriptor) => loaded.addon.duplicateDescriptor(descriptor) : undefined;
}
