import { z } from 'zod';
import { ConfigSchema } from './schema.ts';

/** What the documentation, environment names and flags need to know of one key. */
export type KeyInfo = {
  readonly description: string;
  /** How the value is written: `duration`, `on/off`, `error, warn, info`, … */
  readonly form: string;
  readonly default: unknown;
  /** Never shown. */
  readonly isSecret?: boolean;
  /** Keys of a nested object. */
  readonly children?: KeyTree;
  /** Keys of every entry, where the entries' names are free (`paths`). */
  readonly entries?: KeyTree;
  /** Keys of every item of a list. */
  readonly items?: KeyTree;
};
export type KeyTree = ReadonlyMap<string, KeyInfo>;

/** The parts of JSON Schema that zod writes for our schema. */
type JsonSchema = {
  readonly description?: string;
  readonly default?: unknown;
  readonly form?: string;
  readonly isSecret?: boolean;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
};

function form(schema: JsonSchema): string {
  if (schema.form !== undefined) return schema.form;
  if (schema.items?.properties !== undefined) return 'list';
  if (schema.enum !== undefined) return schema.enum.join(', ');
  return schema.const ?? String(schema.type ?? 'object');
}

function tree(properties: Readonly<Record<string, JsonSchema>>): KeyTree {
  return new Map(
    Object.entries(properties).map(([name, schema]) => {
      const entries =
        typeof schema.additionalProperties === 'object' ? schema.additionalProperties.properties : undefined;
      const info: KeyInfo = {
        description: schema.description ?? '',
        form: form(schema),
        default: schema.default,
        ...(schema.isSecret === true ? { isSecret: true } : {}),
        ...(schema.properties === undefined ? {} : { children: tree(schema.properties) }),
        ...(entries === undefined ? {} : { entries: tree(entries) }),
        ...(schema.items?.properties === undefined ? {} : { items: tree(schema.items.properties) }),
      };
      return [name, info];
    }),
  );
}

let cached: KeyTree | undefined;

/** Every key of the configuration, in the schema's order. */
export function configKeys(): KeyTree {
  // zod types its result as the whole of JSON Schema; the fields above are those that ours uses.
  cached ??= tree((z.toJSONSchema(ConfigSchema, { io: 'input' }) as JsonSchema).properties ?? {});
  return cached;
}
