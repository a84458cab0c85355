import { ShardcastError } from '@shardcast/shared';
import { ARGON2_PREFIX, type Config } from '@shardcast/shared/config';
import type { LineLog } from '../logging/limited-log.ts';
import { boundedArgon2, loadArgon2 } from './argon2.ts';
import type { Authorise, Authority } from './authorise.ts';
import { FailureLimit } from './failure-limit.ts';
import { HttpAuthority } from './http-authority.ts';
import { InternalUsers } from './internal-users.ts';

export type AuthConfig = Pick<Config, Extract<keyof Config, `auth${string}`>>;

export type AuthoriserOptions = {
  readonly log: LineLog;
  /** Monotonic ms. */
  readonly clock: () => number;
  /** Unix time, ms. */
  readonly now?: () => number;
};

/** Who may do what, by the configuration in force. Every door asks its `authorise`. */
export class Authoriser {
  readonly #options: AuthoriserOptions;
  readonly #failures: FailureLimit;
  #authority: Authority;

  /** @throws ShardcastError CONFIG_INVALID */
  static async create(config: AuthConfig, options: AuthoriserOptions): Promise<Authoriser> {
    return new Authoriser(await authorityOf(config, options), options);
  }

  private constructor(authority: Authority, options: AuthoriserOptions) {
    this.#authority = authority;
    this.#options = options;
    this.#failures = new FailureLimit(options.clock);
  }

  /** RTSP may ask for a digest. */
  get takesDigest(): boolean {
    return this.#authority.takesDigest;
  }

  /** Sessions that are open stay. @throws ShardcastError CONFIG_INVALID; the one before stays in force */
  async reconfigure(config: AuthConfig): Promise<void> {
    this.#authority = await authorityOf(config, this.#options);
  }

  readonly authorise: Authorise = async (request) => {
    const authority = this.#authority;
    if (authority.canBeGuessed && this.#failures.isOver(request)) {
      return { allowed: false, code: 'CLIENT_OVER_LIMIT', reason: 'too many wrong credentials came from there' };
    }
    try {
      const decision = await authority.decide(request);
      if (!decision.allowed && decision.code === 'UNAUTHENTICATED' && authority.canBeGuessed)
        this.#failures.count(request);
      return decision;
    } catch (error) {
      if (error instanceof ShardcastError && error.code === 'AUTH_UNAVAILABLE') {
        return { allowed: false, code: 'AUTH_UNAVAILABLE', reason: error.message };
      }
      this.#options.log.error({ err: error }, 'a request could not be judged');
      return { allowed: false, code: 'AUTH_UNAVAILABLE', reason: 'the request could not be judged' };
    }
  };
}

async function authorityOf(config: AuthConfig, { log, clock, now = Date.now }: AuthoriserOptions): Promise<Authority> {
  switch (config.authMethod) {
    case 'internal': {
      const users = config.authInternalUsers;
      const isHashed = users.some(({ user, pass }) => [user, pass].some((text) => text.startsWith(ARGON2_PREFIX)));
      const verify = isHashed ? await loadArgon2() : async () => false;
      return new InternalUsers(users, boundedArgon2(verify, clock));
    }
    case 'http':
      return new HttpAuthority({ address: config.authHTTPAddress, exclude: config.authHTTPExclude, log, clock });
    case 'jwt': {
      const { JwtAuthority } = await import('./jwt-authority.ts'); // jose: fifty modules that others can start without
      return new JwtAuthority({
        jwks: config.authJWTJWKS,
        claimKey: config.authJWTClaimKey,
        issuer: config.authJWTIssuer,
        audience: config.authJWTAudience,
        exclude: config.authJWTExclude,
        takesQuery: config.authJWTInHTTPQuery,
        log,
        now,
      });
    }
  }
}
