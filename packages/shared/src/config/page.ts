import { configKeys, type KeyTree } from './keys.ts';

const HEAD = `# Configuration

Shardcast runs without any: a path \`demo\` then plays a shipped clip, and every other path is open to publishers.

Settings come from, each over the one before:

1. a YAML file: the one that is named on the command line, else \`shardcast.yml\` (or \`mediamtx.yml\`) in the working
   directory, \`/usr/local/etc\` or \`/etc/shardcast\`;
2. environment variables: \`MTX_<KEY>\`, then \`SHARDCAST_<KEY>\`, with the key in capitals and levels joined by \`_\`:
   \`SHARDCAST_RTCPINTERVAL=1s\`, \`SHARDCAST_KEYFRAMECACHE_MAXBYTES=4M\`, \`SHARDCAST_PATHS_CAM1_SOURCE=rtsp://…\`. With
   \`_FILE\` at the end the value is read from that file, for secrets;
3. flags: \`--rtcpInterval=1s\`, \`--keyframeCache.maxBytes=4M\`, \`--paths.cam1.source=rtsp://…\`.

Durations are \`500ms\`, \`10s\`, \`1m30s\`; sizes are \`64K\`, \`2M\` (powers of 1024) or bytes; addresses are \`:8889\` (every
interface), \`127.0.0.1:8889\` or \`[::1]:8889\`; lists may be one string with commas, and items of lists have their number in variables and flags:
\`SHARDCAST_AUTHINTERNALUSERS_0_PASS_FILE=/run/secrets/pass\`, \`--authInternalUsers.0.user=cam\`. A misspelt key is an error that names its line; in
a \`mediamtx.yml\` keys that Shardcast does not know are ignored, and each is named in a warning. A file that changes is read
again while the server runs, and the API changes settings, too ([operating.md](operating.md)).

\`\`\`yaml
# Two cameras; nobody else may publish.
webrtcAdditionalHosts: [203.0.113.7]
paths:
  cam1: { source: 'rtsp://user:password@192.0.2.10/stream1' }
  cam2: { source: 'rtsp://192.0.2.11/main', rtspTransport: udp }
\`\`\`
`;

/** docs/configuration.md, from the schema. A test fails when the committed page differs. */
export function configurationPage(): string {
  const keys = configKeys();
  const top = new Map(
    [...keys].filter(
      ([, info]) => info.children === undefined && info.entries === undefined && info.items === undefined,
    ),
  );
  const sections = [HEAD, '## Settings\n', table(top)];
  for (const [name, info] of keys) {
    if (info.children !== undefined) sections.push(`\n## \`${name}\`\n\n${info.description}\n`, table(info.children));
    if (info.items !== undefined) sections.push(`\n## \`${name}\`\n\n${info.description}\n`, table(info.items));
    if (info.entries !== undefined) sections.push(`\n## \`${name}\`\n\n${info.description}\n`, table(info.entries));
  }
  return `${sections.join('\n')}\n`;
}

function table(keys: KeyTree): string {
  const rows = [...keys].map(
    ([name, info]) => `| \`${name}\` | ${cell(info.form)} | ${defaultCell(info.default)} | ${cell(info.description)} |`,
  );
  return ['| key | value | default | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function defaultCell(value: unknown): string {
  if (value === undefined || value === '') return '';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : `\`${value.map(plain).join(', ')}\``;
  return `\`${cell(String(value))}\``;
}

function plain(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
