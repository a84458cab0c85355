import type { SourceSpec } from '@shardcast/shared';

/** When a source on demand is wanted. */
export type OnDemand = {
  /** From the asking of a viewer. */
  readonly startTimeoutMs: number;
  /** From the last viewer's end. */
  readonly closeAfterMs: number;
};

/** A name's place in the configuration. */
export type PathRule = {
  /** The entry that matched: the name itself, a `~regex`, or `all_others`. */
  readonly confName: string;
  readonly source: SourceSpec | 'publisher';
  /** The source is open only while it is wanted. */
  readonly onDemand?: OnDemand | undefined;
  /** 0 is no limit. */
  readonly maxReaders: number;
  /** A new publisher takes the place of one that is online. */
  readonly overridePublisher: boolean;
};

/** The configuration, as far as paths are concerned. */
export interface PathRules {
  /** @returns undefined when the name is not admitted. */
  resolve(name: string): PathRule | undefined;
  /** Names that the configuration spells out, with a source of their own or waiting for a publisher. */
  readonly configured: readonly string[];
}

/** Two rules that ask the same of a worker. */
export function hasSameSource(a: PathRule, b: PathRule): boolean {
  return JSON.stringify(a.source) === JSON.stringify(b.source);
}
