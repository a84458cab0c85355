import type { BlockList } from 'node:net';
import { isInNetworks, networkList } from '@shardcast/shared';
import { type AuthUser, permits } from '@shardcast/shared/config';
import type { AccessRequest } from './access-request.ts';
import { ALLOWED, type Authority, CREDENTIALS_NEEDED, CREDENTIALS_WRONG, type Decision } from './authorise.ts';
import { type Argon2Verify, Secret } from './password.ts';
import { isItsOwn } from './same-host.ts';

const NOT_FROM_THERE: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'not from this address' };
const NOBODY: Decision = { allowed: false, code: 'FORBIDDEN', reason: 'nobody is allowed to do this' };

type User = {
  readonly isAnyone: boolean;
  readonly name: Secret;
  readonly password: Secret;
  /** Undefined for everywhere. */
  readonly networks: BlockList | undefined;
  readonly permissions: AuthUser['permissions'];
};

/** `authInternalUsers`: a list that is asked from its beginning; whoever fits and may is allowed. */
export class InternalUsers implements Authority {
  readonly takesDigest: boolean;
  readonly canBeGuessed = true;
  readonly #users: readonly User[];
  readonly #argon2: Argon2Verify;

  constructor(users: readonly AuthUser[], argon2: Argon2Verify) {
    this.#argon2 = argon2;
    this.#users = users.map(({ user, pass, ips, permissions }) => ({
      isAnyone: user === 'any',
      name: new Secret(user),
      password: new Secret(pass),
      networks: ips.length === 0 ? undefined : networkList(ips),
      permissions,
    }));
    this.takesDigest = this.#users.every(
      ({ isAnyone, name, password }) => isAnyone || !(name.isHashed || password.isHashed),
    );
  }

  async decide(request: AccessRequest): Promise<Decision> {
    const { action, path, credentials } = request;
    const able = this.#users.filter(({ permissions }) => permissions.some((each) => permits(each, action, path)));
    const here = able.filter(({ networks }) => isThere(networks, request));
    if (here.some(({ isAnyone }) => isAnyone)) return ALLOWED;
    // Where nobody has a name, no password helps. Of all paths together: the answer does not tell which have users.
    const isNamed = this.#users.some(
      (user) => !user.isAnyone && user.permissions.some((each) => each.action === action),
    );
    if (!isNamed) return able.length > 0 ? NOT_FROM_THERE : NOBODY;
    if (credentials === undefined) return CREDENTIALS_NEEDED;
    let isAllowed = false;
    let isKnown = false;
    // All users are tried, whoever fits, so that the time taken says little about who exists.
    for (const user of this.#users) {
      if (user.isAnyone || !(await user.name.isText(credentials.user, this.#argon2))) continue;
      isKnown = true;
      const isRight = await user.password.isPasswordOf(credentials, this.#argon2);
      isAllowed ||= isRight && here.includes(user);
    }
    if (!isKnown)
      await this.#users.find(({ password }) => password.isSlow)?.password.isPasswordOf(credentials, this.#argon2);
    return isAllowed ? ALLOWED : CREDENTIALS_WRONG;
  }
}

function isThere(networks: BlockList | undefined, request: AccessRequest): boolean {
  return networks === undefined || (isInNetworks(networks, request.ip) && isItsOwn(request));
}
