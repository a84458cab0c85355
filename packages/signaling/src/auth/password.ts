import { createHash } from 'node:crypto';
import { isEqualText } from '@shardcast/shared';
import { ARGON2_PREFIX, SHA256_PREFIX } from '@shardcast/shared/config';
import type { Credentials } from './credentials.ts';

/** Verifies a PHC string; off this thread, since it takes tens of ms. */
export type Argon2Verify = (hash: string, password: string) => Promise<boolean>;

/** A configured user name or password, in clear or hashed. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get isHashed(): boolean {
    return this.isSlow || this.#text.startsWith(SHA256_PREFIX);
  }

  /** Argon2: worth protecting against being asked too often. */
  get isSlow(): boolean {
    return this.#text.startsWith(ARGON2_PREFIX);
  }

  /** In constant time. */
  async isText(given: string, argon2: Argon2Verify): Promise<boolean> {
    if (this.#text.startsWith(ARGON2_PREFIX)) return argon2(this.#text.slice(ARGON2_PREFIX.length), given);
    if (!this.#text.startsWith(SHA256_PREFIX)) return isEqualText(given, this.#text);
    const hash = Buffer.from(this.#text.slice(SHA256_PREFIX.length), 'base64').toString('hex');
    return isEqualText(createHash('sha256').update(given, 'utf8').digest('hex'), hash);
  }

  /** The password of a client; a digest only tells of a password in clear. */
  async isPasswordOf(credentials: Credentials, argon2: Argon2Verify): Promise<boolean> {
    if (credentials.password !== undefined) return this.isText(credentials.password, argon2);
    return !this.isHashed && credentials.verify(this.#text);
  }
}
