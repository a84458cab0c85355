import { authKeys, type Config } from '@shardcast/shared/config';
import { z } from 'zod';

/** Keys that take effect at once. */
const LIVE_KEYS: ReadonlySet<string> = new Set([...Object.keys(authKeys), 'alarms', 'paths', 'pathDefaults']);
/** Keys that a worker reads when it starts. */
const WORKER_KEYS: ReadonlySet<string> = new Set([
  'nack',
  'rtcpInterval',
  'bufferPool',
  'bufferPoolSlots',
  'fastPath',
  'dtls',
  'udpMaxPayloadSize',
  'keyframeCache',
  'rtspTransports',
  'readTimeout',
  'sourceNetworks',
  'webrtcHandshakeTimeout',
]);

const PathEffect = z.strictObject({
  path: z.string(),
  effect: z.enum(['starts', 'restarts', 'ends']),
  readers: z.int().describe('Viewers that lose their stream.'),
});
export type PathEffect = z.infer<typeof PathEffect>;

/** What a change of the configuration does, or would do. */
export const ConfigEffects = z
  .strictObject({
    summary: z.string().describe('For people: `restarts cam7, 3 viewers`.'),
    paths: z.array(PathEffect).describe('Every other path plays on.'),
    atWorkerStart: z.array(z.string()).describe('Keys that a worker takes when it is recycled or the server restarts.'),
    atServerStart: z.array(z.string()).describe('Keys that wait for a restart of the server.'),
  })
  .meta({ id: 'ConfigEffects' });
export type ConfigEffects = z.infer<typeof ConfigEffects>;

/** @param paths what the path manager says of it */
export function effectsOf(before: Config, after: Config, paths: readonly PathEffect[]): ConfigEffects {
  const waiting = changedKeys(before, after).filter((key) => !LIVE_KEYS.has(key));
  const atWorkerStart = waiting.filter((key) => WORKER_KEYS.has(key));
  const atServerStart = waiting.filter((key) => !WORKER_KEYS.has(key));
  const parts = [
    ...paths.map(
      ({ path, effect, readers }) => `${effect} ${path}${readers > 0 ? `, ${plural(readers, 'viewer')}` : ''}`,
    ),
    ...(atWorkerStart.length > 0 ? [`${atWorkerStart.join(', ')} at the next start of a worker`] : []),
    ...(atServerStart.length > 0 ? [`${atServerStart.join(', ')} at the next start of the server`] : []),
  ];
  return {
    summary: parts.join('; ') || 'disturbs nothing',
    paths: [...paths],
    atWorkerStart,
    atServerStart,
  };
}

/** Names only: values may be secrets. */
function changedKeys(before: Config, after: Config): string[] {
  const old = new Map(Object.entries(before).map(([key, value]) => [key, JSON.stringify(value)]));
  return Object.entries(after)
    .filter(([key, value]) => old.get(key) !== JSON.stringify(value))
    .map(([key]) => key);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
