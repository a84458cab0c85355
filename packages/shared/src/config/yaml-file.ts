import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { isRecord } from './mediamtx.ts';

/** A parsed file that remembers where each key stands. */
export type YamlFile = {
  readonly settings: Record<string, unknown>;
  /** 1-based line of the innermost part of `keys` that is in the file; undefined when the first is not. */
  lineOf(keys: readonly PropertyKey[]): number | undefined;
};
export type YamlFault = { readonly line: number | undefined; readonly message: string };

/** YAML 1.2. Faults never quote the file's text: it may hold passwords. */
export function parseYaml(text: string): YamlFile | YamlFault[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  if (document.errors.length > 0)
    return document.errors.map((error) => ({
      line: lines.linePos(error.pos[0]).line,
      message: `is not valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`,
    }));
  let settings: unknown;
  try {
    settings = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch {
    return [{ line: undefined, message: 'is not valid YAML: too many or unresolved aliases' }];
  }
  if (!isRecord(settings)) return [{ line: 1, message: 'expected settings as `key: value`' }];
  return {
    settings,
    lineOf(keys) {
      let node: unknown = document.contents;
      let offset: number | undefined;
      for (const key of keys) {
        if (isMap(node)) {
          const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
          if (pair === undefined || !isScalar(pair.key)) break;
          offset = pair.key.range?.[0] ?? offset;
          node = pair.value;
        } else if (isSeq(node) && typeof key === 'number') {
          const item = node.items[key];
          if (!isScalar(item) && !isMap(item)) break;
          offset = item.range?.[0] ?? offset;
          node = item;
        } else break;
      }
      return offset === undefined ? undefined : lines.linePos(offset).line;
    },
  };
}
