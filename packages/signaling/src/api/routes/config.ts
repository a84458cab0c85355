import { ShardcastError } from '@shardcast/shared';
import {
  type Config,
  type ConfigChange,
  configKeys,
  isPattern,
  type KeyTree,
  writtenConfig,
} from '@shardcast/shared/config';
import { z } from 'zod';
import { ConfigEffects } from '../../config/effects.ts';
import { PageQuery, pageOf, paginate } from '../page.ts';
import { type ApiRoute, route } from '../route.ts';

export type ConfigRoutesOptions = {
  /** Without it there is no `/v3/config`. */
  readonly configStore?: {
    readonly config: Config;
    change(change: ConfigChange, dryRun: boolean): Promise<ConfigEffects>;
  };
};

/** Keys as they are written in a file; values are checked against the whole configuration. */
const Settings = z
  .record(z.string(), z.unknown())
  .describe('Keys of docs/configuration.md, as they are written in a file.');
const Patch = Settings.describe('Keys to change; null takes one back to its default (RFC 7396).');
const PathSettings = z.looseObject({ name: z.string() });
const Keys = z
  .record(z.string(), z.strictObject({ description: z.string(), form: z.string() }))
  .describe('What a key means (Markdown), and how its value is written.');
const Changed = z.strictObject({ status: z.literal('ok'), effects: ConfigEffects });
const DryRun = z.object({
  dryRun: z.enum(['true', 'false']).default('false').describe('Say what the change would do, and change nothing.'),
});

/** `/v3/config/…`: MediaMTX's operations; changes are written down and survive a restart. */
export function configRoutes({ configStore: store }: ConfigRoutesOptions): ApiRoute[] {
  if (store === undefined) return [];
  const make = async (change: ConfigChange, { dryRun }: z.infer<typeof DryRun>) => ({
    status: 'ok' as const,
    effects: await store.change(change, dryRun === 'true'),
  });
  return [...sectionRoutes(store, make), ...pathConfigRoutes(store, make)];
}

type Store = NonNullable<ConfigRoutesOptions['configStore']>;
type Make = (change: ConfigChange, query: z.infer<typeof DryRun>) => Promise<z.input<typeof Changed>>;
const common = { tag: 'Configuration', response: Changed } as const;

function sectionRoutes(store: Store, make: Make): ApiRoute[] {
  return [
    route({
      method: 'get',
      path: '/v3/config/keys',
      tag: 'Configuration',
      summary: 'What each key means, those of a path apart',
      response: z.strictObject({ global: Keys, path: Keys }),
      answer() {
        const keys = configKeys();
        return { global: meanings(keys), path: meanings(keys.get('pathDefaults')?.children ?? new Map()) };
      },
    }),
    route({
      method: 'get',
      path: '/v3/config/global/get',
      tag: 'Configuration',
      summary: 'All settings but those of paths; secrets are masked',
      response: Settings,
      answer() {
        const { paths: _, pathDefaults: __, ...global } = writtenConfig(store.config);
        return global;
      },
    }),
    route({
      ...common,
      method: 'patch',
      path: '/v3/config/global/patch',
      summary: 'Change settings other than those of paths',
      query: DryRun,
      body: Patch,
      answer: ({ body: value, query }) => make({ op: 'patch-global', value }, query),
    }),
    route({
      method: 'get',
      path: '/v3/config/pathdefaults/get',
      tag: 'Configuration',
      summary: 'What paths have that they do not set themselves',
      response: Settings,
      answer: () => record(writtenConfig(store.config)['pathDefaults']),
    }),
    route({
      ...common,
      method: 'patch',
      path: '/v3/config/pathdefaults/patch',
      summary: 'Change what paths have that they do not set themselves',
      query: DryRun,
      body: Patch,
      answer: ({ body: value, query }) => make({ op: 'patch-path-defaults', value }, query),
    }),
  ];
}

function pathConfigRoutes(store: Store, make: Make): ApiRoute[] {
  return [
    route({
      method: 'get',
      path: '/v3/config/paths/list',
      tag: 'Configuration',
      summary: 'Every configured path, complete; secrets are masked',
      query: PageQuery,
      response: pageOf(PathSettings),
      answer: ({ query }) => paginate(pathSettings(store.config), query),
    }),
    route({
      method: 'get',
      path: '/v3/config/paths/get/{name}',
      tag: 'Configuration',
      summary: 'One configured path, complete; secrets are masked',
      response: PathSettings,
      answer({ params: { name = '' } }) {
        const found = pathSettings(store.config).find((path) => path.name === name);
        if (found === undefined) throw new ShardcastError('SETTING_NOT_FOUND', 'no such path is configured');
        return found;
      },
    }),
    route({
      ...common,
      method: 'post',
      path: '/v3/config/paths/add/{name}',
      summary: 'Configure another path',
      query: DryRun,
      body: Settings,
      answer: ({ params: { name = '' }, body: value, query }) => make({ op: 'add-path', name, value }, query),
    }),
    route({
      ...common,
      method: 'patch',
      path: '/v3/config/paths/patch/{name}',
      summary: 'Change some settings of a path',
      query: DryRun,
      body: Patch,
      answer: ({ params: { name = '' }, body: value, query }) => make({ op: 'patch-path', name, value }, query),
    }),
    route({
      ...common,
      method: 'post',
      path: '/v3/config/paths/replace/{name}',
      summary: 'Give a path these settings and no others, whether it was configured or not',
      query: DryRun,
      body: Settings,
      answer: ({ params: { name = '' }, body: value, query }) => make({ op: 'replace-path', name, value }, query),
    }),
    route({
      ...common,
      method: 'delete',
      path: '/v3/config/paths/delete/{name}',
      summary: 'Take a path out of the configuration',
      query: DryRun,
      answer: ({ params: { name = '' }, query }) => make({ op: 'delete-path', name }, query),
    }),
  ];
}

/** Patterns last, as they are looked through. */
function pathSettings(config: Config): z.input<typeof PathSettings>[] {
  const written = writtenConfig(config);
  const defaults = record(written['pathDefaults']);
  return Object.entries(record(written['paths']))
    .sort(([a], [b]) => Number(isPattern(a)) - Number(isPattern(b)) || (a < b ? -1 : 1))
    .map(([name, own]) => ({ name, ...defaults, ...record(own) }));
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function meanings(keys: KeyTree): z.infer<typeof Keys> {
  return Object.fromEntries(Array.from(keys, ([key, { description, form }]) => [key, { description, form }]));
}
