import { ShardcastError, type ShardcastErrorCode } from '@shardcast/shared';
import { type PermissionSchema, permits } from '@shardcast/shared/config';
import type { z } from 'zod';
import type { AccessRequest } from './access-request.ts';
import { isFromThisHost } from './same-host.ts';

export type Decision =
  | {
      readonly allowed: true;
      /** ms from now until a session that this opens must end; Infinity when it may stay. */
      readonly lifetimeMs: number;
    }
  | {
      readonly allowed: false;
      readonly code: Extract<
        ShardcastErrorCode,
        'UNAUTHENTICATED' | 'FORBIDDEN' | 'CLIENT_OVER_LIMIT' | 'AUTH_UNAVAILABLE'
      >;
      /** For the client: holds no secrets, and nothing about which part of what it gave was wrong. */
      readonly reason: string;
    };

/** The one place that says yes or no; a promise, because it may have to ask elsewhere. Never rejects. */
export type Authorise = (request: AccessRequest) => Promise<Decision>;

/** Somebody who decides: internal users, an HTTP server, the signer of tokens. */
export interface Authority {
  decide(request: AccessRequest): Promise<Decision>;
  /** True when it can verify a digest, for which it needs passwords in clear. */
  readonly takesDigest: boolean;
  /** It looks at passwords, which can be guessed. */
  readonly canBeGuessed: boolean;
}

export const ALLOWED: Decision = { allowed: true, lifetimeMs: Number.POSITIVE_INFINITY };
export const CREDENTIALS_NEEDED: Decision = {
  allowed: false,
  code: 'UNAUTHENTICATED',
  reason: 'credentials are needed',
};
export const CREDENTIALS_WRONG: Decision = {
  allowed: false,
  code: 'UNAUTHENTICATED',
  reason: 'the credentials are not right, or do not allow this',
};
const SAME_HOST_ONLY: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'only from the same host' };

/** What an authority is not asked for: publish and read are open then, the rest answers the same host only. */
export function excluded(
  exclude: readonly z.infer<typeof PermissionSchema>[],
  request: AccessRequest,
): Decision | undefined {
  if (!exclude.some((permission) => permits(permission, request.action, request.path))) return undefined;
  if (request.action === 'publish' || request.action === 'read') return ALLOWED;
  return isFromThisHost(request) ? ALLOWED : SAME_HOST_ONLY;
}

/** @throws ShardcastError of the decision's code */
export async function demand(
  authorise: Authorise,
  request: AccessRequest,
): Promise<Extract<Decision, { allowed: true }>> {
  const decision = await authorise(request);
  if (!decision.allowed) throw new ShardcastError(decision.code, decision.reason);
  return decision;
}
