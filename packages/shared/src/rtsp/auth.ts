import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseAuthHeader, quoted } from './challenge.ts';
import { DIGEST_ALGORITHMS, type DigestAlgorithm, digestAlgorithm, digestResponse } from './digest.ts';
import { requestLineUri, withoutCredentials } from './url.ts';

/** What a client proves its identity with. `verify` compares in constant time. */
export type RtspCredentials = {
  readonly user: string;
  /** Known for Basic only. */
  readonly password: string | undefined;
  /** Whether the client knows this password. */
  verify(password: string): boolean;
};

/** `stale`: right or wrong, the nonce is not the current one, so the client is to try again with that. */
export type AuthOutcome = 'absent' | 'malformed' | 'stale' | RtspCredentials;

export type RtspServerAuthOptions = {
  readonly realm?: string;
  readonly algorithms?: readonly DigestAlgorithm[];
  readonly basic?: boolean;
  /** Unguessable text of a nonce; for tests. */
  readonly nonce?: () => string;
};

/**
 * The server's side of authentication on one connection. The nonce is the connection's own, so an answer overheard on one
 * cannot be used on another, and with `qop` its count must rise, so it cannot be used twice on the same one.
 */
export class RtspServerAuth {
  readonly #realm: string;
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #basic: boolean;
  readonly #makeNonce: () => string;
  readonly #opaque: string;
  #nonce: string;
  #highestCount = 0;

  constructor(options: RtspServerAuthOptions = {}) {
    this.#realm = options.realm ?? 'shardcast';
    this.#algorithms = options.algorithms ?? DIGEST_ALGORITHMS;
    this.#basic = options.basic ?? true;
    this.#makeNonce = options.nonce ?? (() => randomBytes(16).toString('hex'));
    this.#opaque = this.#makeNonce();
    this.#nonce = this.#makeNonce();
  }

  /**
   * Values for WWW-Authenticate headers of a 401, each a header of its own, best first (RFC 7616 §3.7).
   * @param stale the credentials may be right, the nonce was not: the client may repeat without asking its user
   */
  challenges(stale = false): string[] {
    if (stale) {
      this.#nonce = this.#makeNonce();
      this.#highestCount = 0;
    }
    const found = this.#algorithms.map((algorithm) => {
      const fields = `realm=${quoted(this.#realm)}, nonce="${this.#nonce}", opaque="${this.#opaque}", qop="auth"`;
      return `Digest ${fields}, algorithm=${algorithm}${stale ? ', stale=true' : ''}`;
    });
    if (this.#basic) found.push(`Basic realm=${quoted(this.#realm)}`);
    return found;
  }

  /** @param header the Authorization header of a request of that method and URI */
  read(header: string | undefined, method: string, uri: string): AuthOutcome {
    if (header === undefined) return 'absent';
    const [fields] = parseAuthHeader(header);
    if (fields?.scheme === 'basic' && this.#basic) return readBasic(fields.token);
    if (fields?.scheme === 'digest') return this.#readDigest(fields.parameters, method, uri);
    return 'malformed';
  }

  #readDigest(parameters: ReadonlyMap<string, string>, method: string, uri: string): AuthOutcome {
    const algorithm = digestAlgorithm(parameters.get('algorithm'));
    const user = parameters.get('username');
    const digestUri = parameters.get('uri');
    const response = parameters.get('response');
    const nonce = parameters.get('nonce');
    if (user === undefined || digestUri === undefined || response === undefined || nonce === undefined)
      return 'malformed';
    if (algorithm === undefined || !this.#algorithms.includes(algorithm)) return 'malformed';
    if (parameters.get('realm') !== this.#realm || !isSameUri(digestUri, uri)) return 'malformed';
    if (!isEqualText(nonce, this.#nonce)) return 'stale';
    const qop = parameters.get('qop');
    const nc = parameters.get('nc') ?? '';
    const cnonce = parameters.get('cnonce');
    if (qop !== undefined) {
      if (qop !== 'auth' || cnonce === undefined || !/^[0-9a-fA-F]{8}$/.test(nc)) return 'malformed';
      const count = Number.parseInt(nc, 16);
      if (count <= this.#highestCount) return 'stale';
      this.#highestCount = count;
    }
    const realm = this.#realm;
    const counted = qop === undefined || cnonce === undefined ? undefined : { nc, cnonce };
    return {
      user,
      password: undefined,
      verify: (password) => {
        const input = { algorithm, user, realm, password, method, uri: digestUri, nonce, qop: counted };
        return isEqualText(response.toLowerCase(), digestResponse(input));
      },
    };
  }
}

function readBasic(token: string): AuthOutcome {
  const text = Buffer.from(token, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return 'malformed';
  const given = text.slice(colon + 1);
  return { user: text.slice(0, colon), password: given, verify: (password) => isEqualText(given, password) };
}

/** Clients sign the URI with and without a slash at its end, and some only its path. */
function isSameUri(signed: string, requested: string): boolean {
  const plain = (uri: string) => withoutCredentials(uri).replace(/\/$/, '');
  const path = (uri: string) => plain(uri).replace(/^rtsps?:\/\/[^/?]*/i, '');
  return plain(signed) === plain(requested) || (signed.startsWith('/') && plain(signed) === path(requested));
}

/** In time that depends on neither text. */
export function isEqualText(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(left), digest(right));
}

type Chosen =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'digest';
      readonly algorithm: DigestAlgorithm;
      /** As the server wrote it; some compare it letter for letter. */
      readonly algorithmName: string | undefined;
      readonly realm: string;
      readonly nonce: string;
      readonly opaque: string | undefined;
      readonly hasQop: boolean;
    };

/** The client's side of authentication against one server. */
export class RtspClientAuth {
  readonly #user: string;
  readonly #password: string;
  readonly #makeCnonce: () => string;
  #chosen: Chosen | undefined;
  #count = 0;

  /** @param cnonce unguessable text; for tests */
  constructor(user: string, password: string, cnonce: () => string = () => randomBytes(8).toString('hex')) {
    this.#user = user;
    this.#password = password;
    this.#makeCnonce = cnonce;
  }

  /**
   * Takes the WWW-Authenticate headers of a 401; the strongest challenge wins.
   * @returns whether it is worth asking again: false when there is no challenge that we can answer, or when the server
   * refused an answer to this very nonce, which means that the password is wrong
   */
  challenge(headers: readonly string[]): boolean {
    const before = this.#chosen;
    const offered = headers.flatMap(parseAuthHeader);
    const digests = offered.filter(({ scheme }) => scheme === 'digest');
    this.#chosen = undefined;
    for (const wanted of DIGEST_ALGORITHMS) {
      for (const { parameters } of digests) {
        const algorithmName = parameters.get('algorithm');
        const algorithm = digestAlgorithm(algorithmName);
        const qops = parameters
          .get('qop')
          ?.split(',')
          .map((qop) => qop.trim().toLowerCase());
        const nonce = parameters.get('nonce');
        if (algorithm !== wanted || nonce === undefined || qops?.includes('auth') === false) continue;
        const realm = parameters.get('realm') ?? '';
        const opaque = parameters.get('opaque');
        this.#chosen = { scheme: 'digest', algorithm, algorithmName, realm, nonce, opaque, hasQop: qops !== undefined };
        this.#count = 0;
        const isStale = parameters.get('stale')?.toLowerCase() === 'true';
        return before?.scheme !== 'digest' || isStale || before.nonce !== nonce;
      }
    }
    if (offered.some(({ scheme }) => scheme === 'basic')) this.#chosen = { scheme: 'basic' };
    return this.#chosen !== undefined && before === undefined;
  }

  /** The Authorization header for a request; undefined before the first challenge. */
  authorization(method: string, uri: string): string | undefined {
    const chosen = this.#chosen;
    if (chosen === undefined) return undefined;
    if (chosen.scheme === 'basic') {
      return `Basic ${Buffer.from(`${this.#user}:${this.#password}`, 'utf8').toString('base64')}`;
    }
    const { algorithm, algorithmName, realm, nonce, opaque, hasQop } = chosen;
    const plainUri = requestLineUri(uri);
    this.#count++;
    const qop = hasQop ? { nc: this.#count.toString(16).padStart(8, '0'), cnonce: this.#makeCnonce() } : undefined;
    const input = { algorithm, user: this.#user, password: this.#password, realm, nonce, method, uri: plainUri, qop };
    let header = `Digest username=${quoted(this.#user)}, realm=${quoted(realm)}, nonce=${quoted(nonce)}`;
    header += `, uri=${quoted(plainUri)}, response="${digestResponse(input)}"`;
    if (algorithmName !== undefined) header += `, algorithm=${algorithm}`;
    if (opaque !== undefined) header += `, opaque=${quoted(opaque)}`;
    if (qop !== undefined) header += `, qop=auth, nc=${qop.nc}, cnonce="${qop.cnonce}"`;
    return header;
  }
}
