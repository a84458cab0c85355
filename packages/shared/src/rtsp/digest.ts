import { createHash } from 'node:crypto';

/** In the order of preference. */
export const DIGEST_ALGORITHMS = ['SHA-256', 'MD5'] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

export type DigestInput = {
  readonly algorithm: DigestAlgorithm;
  readonly user: string;
  readonly realm: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  /** Absent for the form of RFC 2069, which cameras still use. `nc` is 8 hexadecimal digits. */
  readonly qop?: { readonly nc: string; readonly cnonce: string } | undefined;
};

/** The `response` of RFC 7616 §3.4.1 with `qop=auth`, or of RFC 2617 §3.2.2.1 without qop; lower-case hexadecimal. */
export function digestResponse({ algorithm, user, realm, password, method, uri, nonce, qop }: DigestInput): string {
  const hash = algorithm === 'MD5' ? 'md5' : 'sha256';
  const digest = (text: string) => createHash(hash).update(text, 'utf8').digest('hex');
  const secret = digest(`${user}:${realm}:${password}`);
  const request = digest(`${method}:${uri}`);
  return digest(
    qop === undefined ? `${secret}:${nonce}:${request}` : `${secret}:${nonce}:${qop.nc}:${qop.cnonce}:auth:${request}`,
  );
}

/** The algorithm that a challenge or an answer names; MD5 when it names none, undefined for one that we do not have. */
export function digestAlgorithm(name: string | undefined): DigestAlgorithm | undefined {
  if (name === undefined) return 'MD5';
  return DIGEST_ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
}
