// `node scripts/supply-chain.mjs`: docs/dependencies.md is what the server depends on, and nothing else runs at installation.
//   --write   writes that page    --sbom   prints a CycloneDX bill of materials
import { readFileSync, writeFileSync } from 'node:fs';
import { root } from './paths.mjs';
import { pnpmOutput } from './pnpm.mjs';

const PAGE = new URL('docs/dependencies.md', root);
/** Dependencies whose install scripts may run: esbuild's checks that its binary fits the machine. */
const MAY_RUN_SCRIPTS = ['esbuild'];
/** What one may put into a server and pass on without more than a notice. */
const LICENCES = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MPL-2.0', 'Unlicense']);
/** Binaries for other machines than this one differ; their family is listed. */
const PLATFORM = /-(?:linux|darwin|win32|freebsd|android|wasm32)[a-z0-9-]*$/;

/** @returns {{ name: string, version: string, license: string }[]} */
function productionDependencies() {
  const byLicence = JSON.parse(pnpmOutput(['licenses', 'list', '--prod', '--json']));
  return Object.entries(byLicence)
    .flatMap(([license, packages]) =>
      packages.flatMap(({ name, versions }) => versions.map((version) => ({ name, version, license }))),
    )
    .filter(({ name }) => !PLATFORM.test(name))
    .sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1));
}

function page(dependencies) {
  const rows = dependencies.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`);
  return `# Dependencies

What the server runs on, all of it: its own dependencies and theirs, as pnpm-lock.yaml fixes them. Written by \`node scripts/supply-chain.mjs --write\`; \`npm test\`
fails when a dependency comes, goes or changes its licence without it. Install scripts run for ${MAY_RUN_SCRIPTS.join(', ')} alone, which is no part of the server. \`npm run sbom\` prints this as
CycloneDX, \`npm run audit\` asks the registry for known vulnerabilities.

| package | version | licence |
| --- | --- | --- |
${rows.join('\n')}
`;
}

function billOfMaterials(dependencies) {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', name: 'shardcast', version, 'bom-ref': `shardcast@${version}` } },
    components: dependencies.map(({ name, version: of, license }) => ({
      type: 'library',
      'bom-ref': `pkg:npm/${name.replace('@', '%40')}@${of}`,
      purl: `pkg:npm/${name.replace('@', '%40')}@${of}`,
      name,
      version: of,
      licenses: [{ license: { id: license } }],
    })),
  };
}

const dependencies = productionDependencies();
if (process.argv.includes('--sbom')) console.log(JSON.stringify(billOfMaterials(dependencies), null, 2));
else if (process.argv.includes('--write')) writeFileSync(PAGE, page(dependencies));
else {
  const faults = [];
  if (readFileSync(PAGE, 'utf8') !== page(dependencies))
    faults.push(
      'docs/dependencies.md is not what is installed: look at what changed, then run node scripts/supply-chain.mjs --write',
    );
  for (const { name, license } of dependencies) if (!LICENCES.has(license)) faults.push(`${name}: licence ${license}`);
  const allowed = /^onlyBuiltDependencies:\n((?: {2}- .*\n)*)/m.exec(
    readFileSync(new URL('pnpm-workspace.yaml', root), 'utf8'),
  );
  const named = (allowed?.[1] ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^ {2}- /, ''));
  if (String(named) !== String(MAY_RUN_SCRIPTS)) faults.push(`install scripts may run for ${named}`);
  for (const fault of faults) console.error(fault);
  console.log(`supply chain: ${dependencies.length} packages, ${faults.length} faults`);
  process.exit(faults.length === 0 && dependencies.length > 20 ? 0 : 1);
}
