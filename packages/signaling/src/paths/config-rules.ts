import { resolve } from 'node:path';
import type { SourceSpec } from '@shardcast/shared';
import {
  type Config,
  type FoundPath,
  findPath,
  isPattern,
  type PathConfig,
  patternGroups,
} from '@shardcast/shared/config';
import type { OnDemand, PathRule, PathRules } from './path-rules.ts';

/** The configuration as the path manager asks it. Files are relative to the working directory. */
export function rulesFromConfig(config: Config, workingDirectory: string): PathRules {
  return {
    configured: Object.keys(config.paths).filter((name) => !isPattern(name)),
    resolve(name): PathRule | undefined {
      const found = findPath(config, name);
      if (found === undefined) return undefined;
      return {
        confName: found.confName,
        source: sourceSpec(found, name, workingDirectory),
        onDemand: onDemand(found.config),
        maxReaders: found.config.maxReaders,
        overridePublisher: found.config.overridePublisher,
      };
    },
  };
}

function onDemand(config: PathConfig): OnDemand | undefined {
  if (!config.sourceOnDemand || config.source === 'publisher') return undefined;
  return { startTimeoutMs: config.sourceOnDemandStartTimeout, closeAfterMs: config.sourceOnDemandCloseAfter };
}

function sourceSpec({ confName, config }: FoundPath, name: string, workingDirectory: string): SourceSpec | 'publisher' {
  const { rtspTransport, sourceFingerprint } = config;
  const source = isPattern(confName) ? filledIn(config.source, confName, name) : config.source;
  if (source === 'publisher') return source;
  if (source.startsWith('file:'))
    return { type: 'file', file: resolve(workingDirectory, source.slice('file:'.length)) };
  const fingerprint = sourceFingerprint.replaceAll(':', '').toLowerCase();
  return { type: 'rtsp', url: source, transport: rtspTransport, fingerprint };
}

/** `$G1` … `$G9` and `$MTX_PATH`, as MediaMTX has them. A name holds nothing that could end a part of a URL but `/` and `:`. */
function filledIn(source: string, confName: string, name: string): string {
  const groups = confName.startsWith('~') ? patternGroups(confName, name) : [];
  return source.replaceAll(/\$G([1-9])|\$MTX_PATH/g, (_, group?: string) =>
    group === undefined ? name : (groups[Number(group)] ?? ''),
  );
}
