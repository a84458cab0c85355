import type { PermissionSchema } from '@shardcast/shared/config';
import type { z } from 'zod';
import { hookFetch } from '../guard/hook-fetch.ts';
import type { LineLog } from '../logging/limited-log.ts';
import type { AccessRequest } from './access-request.ts';
import {
  ALLOWED,
  type Authority,
  CREDENTIALS_NEEDED,
  CREDENTIALS_WRONG,
  type Decision,
  excluded,
} from './authorise.ts';

const TIMEOUT_MS = 5000;
const MAX_AT_ONCE = 256;
/** Lists ask for every path: an answer of this age will do there. */
const LISTING_MS = 5000;
const MAX_REMEMBERED = 10_000;
const UNAVAILABLE: Decision = {
  allowed: false,
  code: 'AUTH_UNAVAILABLE',
  reason: 'the server that decides cannot be asked now',
};

export type HttpAuthorityOptions = {
  readonly address: string;
  readonly exclude: readonly z.infer<typeof PermissionSchema>[];
  readonly log: LineLog;
  /** Monotonic ms. */
  readonly clock: () => number;
};

/** `authMethod: http`: asks a server for each request, with the fields of MediaMTX. A status of 20x allows. */
export class HttpAuthority implements Authority {
  readonly takesDigest = false;
  readonly canBeGuessed = false;
  readonly #options: HttpAuthorityOptions;
  readonly #listed = new Map<string, { readonly decision: Decision; readonly untilMs: number }>();
  #running = 0;

  constructor(options: HttpAuthorityOptions) {
    this.#options = options;
  }

  async decide(request: AccessRequest): Promise<Decision> {
    const without = excluded(this.#options.exclude, request);
    if (without !== undefined) return without;
    const body = JSON.stringify(questionOf(request));
    if (request.isListing !== true) return this.#ask(body, request);
    const known = this.#listed.get(body);
    const nowMs = this.#options.clock();
    if (known !== undefined && known.untilMs > nowMs) return known.decision;
    const decision = await this.#ask(body, request);
    this.#listed.delete(body);
    if (this.#listed.size >= MAX_REMEMBERED) this.#listed.delete(this.#listed.keys().next().value ?? '');
    this.#listed.set(body, { decision, untilMs: nowMs + LISTING_MS });
    return decision;
  }

  async #ask(body: string, { credentials }: AccessRequest): Promise<Decision> {
    if (this.#running >= MAX_AT_ONCE) return UNAVAILABLE;
    this.#running++;
    try {
      const response = await hookFetch(this.#options.address, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.ok) return ALLOWED;
      if (response.status >= 500) {
        this.#options.log.error({ status: response.status }, 'authHTTPAddress answered with an error');
        return UNAVAILABLE;
      }
      return credentials === undefined ? CREDENTIALS_NEEDED : CREDENTIALS_WRONG;
    } catch (error) {
      this.#options.log.error({ reason: reasonOf(error) }, 'authHTTPAddress could not be asked');
      return UNAVAILABLE;
    } finally {
      this.#running--;
    }
  }
}

function questionOf({ credentials, ip, action, path, protocol, query, userAgent }: AccessRequest) {
  return {
    user: credentials?.user ?? '',
    password: credentials?.password ?? '',
    token: credentials?.token ?? '',
    ip,
    action,
    path: path ?? '',
    protocol: protocol === 'websocket' ? 'webrtc' : protocol,
    id: null,
    query,
    userAgent,
  };
}

/** Without the address, which may hold a secret. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
