// Writes the documentation that follows from code: `node --conditions=source --import=tsx scripts/generate-docs.mjs`.
import { writeFileSync } from 'node:fs';
import { configurationPage } from '../packages/shared/src/config/page.ts';
import { root } from './paths.mjs';

writeFileSync(new URL('docs/configuration.md', root), configurationPage());
