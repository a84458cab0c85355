// Every threat of SECURITY.md names a test, and that test is there.
import { existsSync, readFileSync } from 'node:fs';
import { root } from './paths.mjs';

const THREATS = 30;
const rows = [...readFileSync(new URL('SECURITY.md', root), 'utf8').matchAll(/^\| (\d+) \|.*\| `([^`]+)`: (.*) \|$/gm)];
const faults = [];
rows.forEach(([, number, file, title], index) => {
  const url = new URL(file, root);
  if (Number(number) !== index + 1) faults.push(`threat ${number} is out of order`);
  if (title.trim() === '' || !existsSync(url) || !readFileSync(url, 'utf8').includes(title))
    faults.push(`threat ${number}: ${file} has no "${title}"`);
});
if (rows.length !== THREATS) faults.push(`${rows.length} of ${THREATS} threats name a test`);
for (const fault of faults) console.error(fault);
console.log(`threats: ${rows.length} with a test, ${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
