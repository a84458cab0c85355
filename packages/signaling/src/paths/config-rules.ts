import { resolve } from 'node:path';
import { type Config, findPath, isPattern, type PathConfig, type SourceSpec } from '@shardcast/shared';
import type { PathRule, PathRules } from './path-rules.ts';

/** The configuration as the path manager asks it. Files are relative to the working directory. */
export function rulesFromConfig(config: Config, workingDirectory: string): PathRules {
  return {
    configured: Object.keys(config.paths).filter((name) => !isPattern(name)),
    resolve(name): PathRule | undefined {
      const found = findPath(config, name);
      if (found === undefined) return undefined;
      return {
        confName: found.confName,
        source: sourceSpec(found.config, workingDirectory),
        maxReaders: found.config.maxReaders,
        overridePublisher: found.config.overridePublisher,
      };
    },
  };
}

function sourceSpec(
  { source, rtspTransport, sourceFingerprint }: PathConfig,
  workingDirectory: string,
): SourceSpec | 'publisher' {
  if (source === 'publisher') return source;
  if (source.startsWith('file:'))
    return { type: 'file', file: resolve(workingDirectory, source.slice('file:'.length)) };
  const fingerprint = sourceFingerprint.replaceAll(':', '').toLowerCase();
  return { type: 'rtsp', url: source, transport: rtspTransport, fingerprint };
}
