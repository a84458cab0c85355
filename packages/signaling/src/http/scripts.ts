import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The browser scripts by file name, as they are served. */
export type Scripts = ReadonlyMap<string, Buffer>;

/** Reads the built `@shardcast/reader` once. Only these files are ever served: no name from a request reaches the disk. */
export function loadScripts(directory = dirname(createRequire(import.meta.url).resolve('@shardcast/reader'))): Scripts {
  const names = readdirSync(directory).filter((name) => /^[a-z][a-z-]*\.js$/.test(name));
  return new Map(
    names.map((name) => {
      const source = readFileSync(join(directory, name), 'utf8');
      // Source maps are not served.
      return [name, Buffer.from(source.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'))];
    }),
  );
}
