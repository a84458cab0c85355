import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Naming, Place } from './merge.ts';

const PACKAGE = /\/packages\/([\w-]+)\/(?:src|dist)\/(.+?)\.[cm]?[jt]s$/;
const DEPENDENCY = /\/node_modules\/(?!.*\/node_modules\/)(.+?)\.[cm]?js$/;

/**
 * Functions under the names of their sources, as Go has them: `sfu-worker/forward/track.receive` in
 * `sfu-worker/src/forward/track.ts`, `werift/lib/index.stop`, `node:internal/timers.listOnTimeout`. Lines are those of the TypeScript, by the
 * source maps beside what was built, each of which is read once.
 */
export function sourceNaming(readText: (file: string) => string = (file) => readFileSync(file, 'utf8')): Naming {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (url: string): SourceMap | undefined => {
    if (maps.has(url)) return maps.get(url);
    let map: SourceMap | undefined;
    try {
      map = new SourceMap(JSON.parse(readText(`${fileURLToPath(url)}.map`)));
    } catch {
      map = undefined; // not built, or not ours
    }
    maps.set(url, map);
    return map;
  };
  return (place) => {
    const { name, file } = place;
    const url = file.startsWith('/') ? `file://${file}` : file;
    const own = PACKAGE.exec(url);
    if (own !== null) {
      const [, where = '', module = ''] = own;
      return {
        name: `${where}/${module}.${name}`,
        file: `${where}/src/${module}.ts`,
        line: mappedLine(mapOf(url), place),
      };
    }
    const module = DEPENDENCY.exec(url)?.[1] ?? (url.startsWith('node:') ? url : undefined);
    return { name: module === undefined ? name : `${module}.${name}`, file: module ?? file, line: place.line };
  };
}

function mappedLine(map: SourceMap | undefined, { line, column }: Place): number {
  if (map === undefined || line < 1) return line;
  const entry = map.findEntry(line - 1, Math.max(0, column - 1));
  return 'originalLine' in entry ? entry.originalLine + 1 : line;
}
