import { z } from 'zod';
import { parseNetwork } from '../net/networks.ts';
import { matchesPattern, patternFault } from './path-pattern.ts';
import { list, onOff } from './values.ts';

/** What a request may be about; `playback` is accepted for MediaMTX files, nothing asks for it. */
export const ACTIONS = ['publish', 'read', 'playback', 'api', 'metrics', 'pprof'] as const;

/** `sha256:` and base64 of 32 bytes, or `argon2:` and a PHC string; anything else is the text itself, as in MediaMTX. */
export const SHA256_PREFIX = 'sha256:';
export const ARGON2_PREFIX = 'argon2:';

const Secret = z.string().superRefine((text, context) => {
  const fault = secretFault(text);
  // Without the input.
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

function secretFault(text: string): string | undefined {
  if (text.startsWith(SHA256_PREFIX)) {
    return Buffer.from(text.slice(SHA256_PREFIX.length), 'base64').length === 32
      ? undefined
      : 'expected sha256: and 44 characters of base64';
  }
  if (text.startsWith(ARGON2_PREFIX)) {
    return /^\$argon2(?:id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+$/.test(text.slice(ARGON2_PREFIX.length))
      ? undefined
      : 'expected argon2: and a hash such as $argon2id$v=19$m=…';
  }
  return undefined;
}

/** Of a permission or a claim: empty for every path, `~` and a regular expression, or a name. */
const PathPattern = z.string().superRefine((path, context) => {
  const fault = path.startsWith('~') ? patternFault(path) : undefined;
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

export const PermissionSchema = z.strictObject({
  action: z.enum(ACTIONS).describe('What is allowed.'),
  path: PathPattern.default('').describe(
    'Of publish and read: empty for every path, a name, or `~` and a regular expression.',
  ),
});

/** An address or a network, as `networkList` takes it. */
export const NetworkText = z
  .string()
  .refine((text) => parseNetwork(text) !== undefined, 'expected an address or a network such as 10.0.0.0/8');

const AuthUserSchema = z.strictObject({
  user: Secret.describe('`any` is everyone, without a password. May be a hash, as `pass`.'),
  pass: Secret.default('')
    .describe('The password, or `sha256:…` or `argon2:…` of it. Hashes allow no digest authentication by RTSP.')
    .meta({ isSecret: true }),
  ips: list(NetworkText, 'addresses or networks').prefault([]).describe('Only from there; empty for everywhere.'),
  permissions: z.array(PermissionSchema).default([]).describe('List of `action` and `path`.'),
});
export type AuthUser = z.infer<typeof AuthUserSchema>;

const LOCAL_ADMIN = ['api', 'metrics', 'pprof'] as const;

/** MediaMTX's: everyone publishes and reads, the same host does the rest. */
const DEFAULT_USERS: z.input<typeof AuthUserSchema>[] = [
  { user: 'any', permissions: [{ action: 'publish' }, { action: 'read' }, { action: 'playback' }] },
  { user: 'any', ips: ['127.0.0.0/8', '::1'], permissions: LOCAL_ADMIN.map((action) => ({ action })) },
];

const HttpUrl = z
  .string()
  .refine(
    (text) => text === '' || /^https?:$/.test(URL.canParse(text) ? new URL(text).protocol : ''),
    'expected an http:// or https:// URL',
  );

/** Who may do what. */
export const authKeys = {
  authMethod: z
    .enum(['internal', 'http', 'jwt'])
    .default('internal')
    .describe('Who decides: the users below, an HTTP server, or tokens signed by somebody who is trusted.'),
  authInternalUsers: z
    .array(AuthUserSchema)
    .prefault(DEFAULT_USERS)
    .describe(
      'Users of `authMethod: internal`. Without any, everyone publishes and reads, and API, metrics and profiles answer the same host only.',
    ),
  authHTTPAddress: HttpUrl.default('').describe(
    'Of `authMethod: http`: gets a POST with `user`, `password`, `token`, `ip`, `action`, `path`, `protocol`, `query`, `userAgent` as JSON, and allows with a status of 20x.',
  ),
  authHTTPExclude: z
    .array(PermissionSchema)
    .prefault(LOCAL_ADMIN.map((action) => ({ action })))
    .describe('What it is not asked for: these answer the same host only.'),
  authJWTJWKS: HttpUrl.default('').describe('Of `authMethod: jwt`: URL of the keys that sign tokens (JWKS, RFC 7517).'),
  authJWTClaimKey: z
    .string()
    .min(1)
    .default('mediamtx_permissions')
    .describe('The claim that holds a list of `action` and `path`.'),
  authJWTIssuer: z.string().default('').describe('Tokens of others are refused; empty for any.'),
  authJWTAudience: z.string().default('').describe('Tokens for others are refused; empty for any.'),
  authJWTExclude: z
    .array(PermissionSchema)
    .prefault([])
    .describe('What needs no token: publish and read are open then, the rest answers the same host only.'),
  authJWTInHTTPQuery: onOff()
    .prefault('on')
    .describe('Tokens may also be in the query: `?jwt=…` or `?token=…`. Addresses end up in histories and logs.'),
} as const;

/** Whether a permission is about this path. Regular expressions match anywhere in the name unless they are anchored. */
export function permits(
  permission: { readonly action: string; readonly path: string },
  action: string,
  path: string | undefined,
): boolean {
  if (permission.action !== action) return false;
  // Admin actions have no path, and what a permission says of one means nothing there.
  if (permission.path === '' || path === undefined) return true;
  return permission.path.startsWith('~') ? matchesPattern(permission.path, path) : permission.path === path;
}
