import { PermissionSchema, permits } from '@shardcast/shared/config';
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import { hookFetch } from '../guard/hook-fetch.ts';
import type { LineLog } from '../logging/limited-log.ts';
import type { AccessRequest } from './access-request.ts';
import { type Authority, CREDENTIALS_NEEDED, CREDENTIALS_WRONG, type Decision, excluded } from './authorise.ts';

/** Signed by somebody else's private key: a shared secret in a public list of keys would be none. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const CLOCK_TOLERANCE_S = 5;
const TIMEOUT_MS = 5000;
/** An unknown key makes us look for new ones, this often. */
const COOLDOWN_MS = 30_000;
const CACHE_MS = 3_600_000;
const MAX_TOKEN_BYTES = 8 * 1024;
const UNAVAILABLE: Decision = {
  allowed: false,
  code: 'AUTH_UNAVAILABLE',
  reason: 'the keys of tokens cannot be had now',
};

const Permissions = z.array(PermissionSchema.loose());

export type JwtAuthorityOptions = {
  readonly jwks: string;
  readonly claimKey: string;
  /** Empty for any. */
  readonly issuer: string;
  readonly audience: string;
  readonly exclude: readonly z.infer<typeof PermissionSchema>[];
  readonly takesQuery: boolean;
  readonly log: LineLog;
  /** Unix time, ms. */
  readonly now: () => number;
};

/** `authMethod: jwt`: permissions are in a claim of a signed token (RFC 7519), which ends with it. */
export class JwtAuthority implements Authority {
  readonly takesDigest = false;
  readonly canBeGuessed = false;
  readonly #options: JwtAuthorityOptions;
  readonly #keys: JWTVerifyGetKey;

  constructor(options: JwtAuthorityOptions) {
    this.#options = options;
    this.#keys = createRemoteJWKSet(new URL(options.jwks), {
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: COOLDOWN_MS,
      cacheMaxAge: CACHE_MS,
      [customFetch]: (url, init) => hookFetch(url, init),
    });
  }

  async decide(request: AccessRequest): Promise<Decision> {
    const { exclude, claimKey, takesQuery, now } = this.#options;
    const without = excluded(exclude, request);
    if (without !== undefined) return without;
    const { credentials, action, path } = request;
    if (credentials === undefined) return CREDENTIALS_NEEDED;
    // RTSP clients and browsers have a password field and no other.
    const token = credentials.token ?? credentials.password ?? '';
    if (token === '' || token.length > MAX_TOKEN_BYTES) return CREDENTIALS_WRONG;
    if (!takesQuery && isInQuery(token, request.query)) return CREDENTIALS_WRONG;
    const payload = await this.#verified(token);
    if (payload === undefined) return CREDENTIALS_WRONG;
    if (payload === 'unavailable') return UNAVAILABLE;
    if (!permissionsOf(payload, claimKey).some((permission) => permits(permission, action, path)))
      return CREDENTIALS_WRONG;
    const lifetimeMs = payload.exp === undefined ? Number.POSITIVE_INFINITY : payload.exp * 1000 - now();
    return { allowed: true, lifetimeMs };
  }

  async #verified(token: string): Promise<JWTPayload | 'unavailable' | undefined> {
    const { issuer, audience, log, now } = this.#options;
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        currentDate: new Date(now()),
        ...(issuer === '' ? {} : { issuer }),
        ...(audience === '' ? {} : { audience }),
      });
      return payload;
    } catch (error) {
      const isTokens = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout) && !isOfFetch(error);
      if (isTokens) return undefined;
      log.error({ reason: error instanceof Error ? error.message : 'unknown' }, 'authJWTJWKS could not be read');
      return 'unavailable';
    }
  }
}

/** jose says "Expected 200 OK …" in its common class when the server of the keys fails. */
function isOfFetch(error: errors.JOSEError): boolean {
  return error.code === 'ERR_JOSE_GENERIC' || error instanceof errors.JWKSInvalid;
}

function isInQuery(token: string, query: string): boolean {
  const parameters = new URLSearchParams(query);
  return ['jwt', 'token', 'pass'].some((name) => parameters.get(name) === token);
}

/** A list, or the same as JSON in a string. What is no permission permits nothing. */
function permissionsOf(payload: JWTPayload, claimKey: string): readonly z.infer<typeof PermissionSchema>[] {
  const claim = payload[claimKey];
  const parsed = Permissions.safeParse(typeof claim === 'string' ? parseJson(claim) : claim);
  return parsed.success ? parsed.data : [];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
