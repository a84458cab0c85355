import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** A file as it is served. */
export type DashboardFile = { readonly type: string; readonly body: Buffer; readonly gzip: Buffer };

export type DashboardFiles = {
  readonly page: string;
  /** By name, which has a hash of the content in it. */
  readonly assets: ReadonlyMap<string, DashboardFile>;
};

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Reads the built `@shardcast/dashboard` once. Only these files are ever served: no name from a request reaches the disk.
 * @returns undefined when it is not built
 */
export function loadDashboard(directory = builtDashboard()): DashboardFiles | undefined {
  if (directory === undefined) return undefined;
  try {
    const page = readFileSync(join(directory, 'index.html'), 'utf8');
    const assets = new Map<string, DashboardFile>();
    for (const name of readdirSync(join(directory, 'assets'))) {
      const type = TYPES[extname(name)];
      if (type === undefined) continue;
      const body = readFileSync(join(directory, 'assets', name));
      assets.set(name, { type, body, gzip: gzipSync(body, { level: 9 }) });
    }
    return { page, assets };
  } catch {
    return undefined; // none, or half of one
  }
}

function builtDashboard(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('@shardcast/dashboard/package.json')), 'dist');
  } catch {
    return undefined; // an installation without it
  }
}
