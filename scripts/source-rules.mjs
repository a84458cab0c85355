// What no linter knows of our sources. The wall clock may jump (NTP, suspend): only these files may ask it, for people's
// sake or for what is written in wall time by others; everything that waits or measures goes by a monotonic clock.
import { readdirSync, readFileSync } from 'node:fs';
import { root } from './paths.mjs';

const PACKAGES = ['shared', 'sfu-worker', 'signaling'];
const WALL_CLOCK = /\bDate\.now\b|\bnew Date\(\)/;
/** By file, why. */
const MAY_ASK_THE_WALL_CLOCK = new Map([
  ['signaling/src/auth/authoriser.ts', 'tokens expire in wall time'],
  ['signaling/src/api/routes/capacity.ts', 'a time to show'],
  ['signaling/src/api/routes/monitor.ts', 'a time to show'],
  ['signaling/src/doors.ts', 'a time to show'],
  ['signaling/src/main.ts', 'a time to write into the journal'],
  ['signaling/src/paths/path-manager.ts', 'a time to show'],
  ['signaling/src/paths/session-registry.ts', 'a time to show'],
  ['signaling/src/server.ts', 'a time to show'],
]);

/** @returns {string[]} one line a violation */
export function violationsIn(name, text) {
  if (MAY_ASK_THE_WALL_CLOCK.has(name)) return [];
  return text
    .split('\n')
    .flatMap((line, index) => (WALL_CLOCK.test(line) ? [`packages/${name}:${index + 1}: asks the wall clock`] : []));
}

let files = 0;
let asked = 0;
const violations = [];
for (const each of PACKAGES) {
  const folder = new URL(`packages/${each}/src/`, root);
  for (const entry of readdirSync(folder, { recursive: true })) {
    if (!entry.endsWith('.ts') || entry.endsWith('.test.ts')) continue;
    const name = `${each}/src/${entry}`;
    const text = readFileSync(new URL(entry, folder), 'utf8');
    files++;
    if (MAY_ASK_THE_WALL_CLOCK.has(name) && WALL_CLOCK.test(text)) asked++;
    violations.push(...violationsIn(name, text));
  }
}
for (const violation of violations) console.error(violation);
const bites = violationsIn('shared/src/planted.ts', 'setTimeout(f, Date.now());').length === 1;
const isCurrent = asked === MAY_ASK_THE_WALL_CLOCK.size;
if (!bites) console.error('a planted violation was not found');
if (!isCurrent) console.error('a file that may ask the wall clock is gone, or does not');
console.log(`source rules: ${files} files, ${violations.length} violations`);
process.exit(violations.length === 0 && bites && isCurrent && files > 100 ? 0 : 1);
