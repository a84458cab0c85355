import { createHash, createHmac, type KeyObject, verify, X509Certificate } from 'node:crypto';

/** RFC 5246 §7.4, RFC 6347 §4.3.2. */
const MESSAGE = {
  CLIENT_HELLO: 1,
  SERVER_HELLO: 2,
  HELLO_VERIFY_REQUEST: 3,
  CERTIFICATE: 11,
  SERVER_KEY_EXCHANGE: 12,
  CERTIFICATE_REQUEST: 13,
  SERVER_HELLO_DONE: 14,
  CERTIFICATE_VERIFY: 15,
  CLIENT_KEY_EXCHANGE: 16,
  FINISHED: 20,
} as const;

type Turn = { readonly type: number; readonly mayRepeat?: true; readonly mayLack?: true };

/** What each role says, in this order and nothing else (RFC 6347 §4.2.4). Repeated are hellos, and the last flight. */
const FROM_CLIENT: readonly Turn[] = [
  { type: MESSAGE.CLIENT_HELLO, mayRepeat: true },
  { type: MESSAGE.CERTIFICATE },
  { type: MESSAGE.CLIENT_KEY_EXCHANGE },
  { type: MESSAGE.CERTIFICATE_VERIFY },
  { type: MESSAGE.FINISHED, mayRepeat: true },
];
const FROM_SERVER: readonly Turn[] = [
  { type: MESSAGE.HELLO_VERIFY_REQUEST, mayLack: true },
  { type: MESSAGE.SERVER_HELLO },
  { type: MESSAGE.CERTIFICATE },
  { type: MESSAGE.SERVER_KEY_EXCHANGE },
  { type: MESSAGE.CERTIFICATE_REQUEST, mayLack: true },
  { type: MESSAGE.SERVER_HELLO_DONE },
  { type: MESSAGE.FINISHED, mayRepeat: true },
];

/** SignatureAndHashAlgorithm (RFC 5246 §7.4.1.4.1) to the hash; the key says whether it is RSA or ECDSA. */
const SIGNATURE_HASHES: Readonly<Record<number, string>> = {
  1025: 'sha256',
  1281: 'sha384',
  1537: 'sha512',
  1027: 'sha256',
  1283: 'sha384',
  1539: 'sha512',
};

export type Fingerprint = { readonly hash: 'sha-256' | 'sha-384' | 'sha-512'; readonly value: string };

export type HandshakeMessage = { readonly type: number; readonly body: Buffer };

/** What the checks need of the handshake so far. */
export interface HandshakeState {
  /** All messages but HelloVerifyRequest's flight, in order, headers included; up to the first of `before`, if given. */
  transcript(before?: number): Buffer;
  readonly masterSecret: Buffer;
  readonly clientAndServerRandom: Buffer;
}

/**
 * Authenticates the peer (RFC 5763 §5, RFC 5246 §7.4): its certificate has the fingerprint of the SDP, it holds that
 * certificate's key, and it saw the same handshake as we. werift checks none of it. Every check comes before our own
 * Finished goes out.
 */
export class PeerVerifier {
  readonly #fingerprint: Fingerprint;
  readonly #weAreClient: boolean;
  readonly #state: HandshakeState;
  /** Index of the message that came last, in what the peer's role says. */
  #turn = -1;
  #peerKey: KeyObject | undefined;
  #isVerified = false;

  constructor(fingerprint: Fingerprint, weAreClient: boolean, state: HandshakeState) {
    this.#fingerprint = fingerprint;
    this.#weAreClient = weAreClient;
    this.#state = state;
  }

  /** @returns why the peer must be refused, undefined when the message is good so far. */
  check({ type, body }: HandshakeMessage): string | undefined {
    // werift acts on any message at any time. A ClientKeyExchange after the CertificateVerify would replace the keys of
    // the peer that proved itself by those of whoever sent it, without a trace in the transcript that is signed.
    if (!this.#isInTurn(type)) return `handshake message ${type} came out of turn`;
    switch (type) {
      case MESSAGE.CERTIFICATE:
        return this.#certificate(body);
      case MESSAGE.SERVER_KEY_EXCHANGE:
        return this.#serverKeyExchange(body);
      case MESSAGE.CERTIFICATE_VERIFY:
        return this.#certificateVerify(body);
      case MESSAGE.FINISHED:
        return this.#finished(body);
      default:
        return undefined;
    }
  }

  #isInTurn(type: number): boolean {
    const order = this.#weAreClient ? FROM_SERVER : FROM_CLIENT;
    const last = order[this.#turn];
    if (last?.type === type) return last.mayRepeat === true;
    for (let turn = this.#turn + 1; turn < order.length; turn++) {
      if (order[turn]?.type === type) {
        this.#turn = turn;
        return true;
      }
      if (order[turn]?.mayLack !== true) return false;
    }
    return false;
  }

  #certificate(body: Buffer): string | undefined {
    const length = body.length > 6 ? body.readUIntBE(3, 3) : 0;
    const der = body.subarray(6, 6 + length);
    if (length === 0 || der.length !== length) return 'no certificate';
    const { hash, value } = this.#fingerprint;
    const actual = createHash(hash.replace('-', '')).update(der).digest('hex');
    if (actual !== value.replaceAll(':', '').toLowerCase()) return 'the certificate has another fingerprint';
    try {
      this.#peerKey = new X509Certificate(der).publicKey;
    } catch {
      return 'the certificate cannot be read';
    }
    return undefined;
  }

  /** The server's ephemeral key is signed together with both randoms (RFC 8422 §5.4). */
  #serverKeyExchange(body: Buffer): string | undefined {
    if (body.length < 8) return 'ServerKeyExchange is too short';
    const parametersEnd = 4 + (body[3] as number);
    if (parametersEnd + 4 > body.length) return 'ServerKeyExchange is too short';
    const signed = Buffer.concat([this.#state.clientAndServerRandom, body.subarray(0, parametersEnd)]);
    if (!this.#isSignature(body.subarray(parametersEnd), signed)) return 'the ServerKeyExchange signature is wrong';
    this.#isVerified = true;
    return undefined;
  }

  #certificateVerify(body: Buffer): string | undefined {
    const signed = this.#state.transcript(MESSAGE.CERTIFICATE_VERIFY);
    if (!this.#isSignature(body, signed)) return 'the CertificateVerify signature is wrong';
    this.#isVerified = true;
    return undefined;
  }

  #finished(body: Buffer): string | undefined {
    if (!this.#isVerified) return 'Finished came before the peer was authenticated';
    const label = this.#weAreClient ? 'server finished' : 'client finished';
    const transcript = this.#state.transcript(this.#weAreClient ? undefined : MESSAGE.FINISHED);
    const seed = createHash('sha256').update(transcript).digest();
    const expected = prf(this.#state.masterSecret, label, seed, 12);
    return expected.equals(body) ? undefined : 'Finished is wrong';
  }

  /** `signature`: algorithm, length, bytes (RFC 5246 §4.7). */
  #isSignature(signature: Buffer, signed: Buffer): boolean {
    if (signature.length < 4 || this.#peerKey === undefined) return false;
    const hash = SIGNATURE_HASHES[signature.readUInt16BE(0)];
    const length = signature.readUInt16BE(2);
    if (hash === undefined || 4 + length > signature.length) return false;
    try {
      return verify(hash, signed, this.#peerKey, signature.subarray(4, 4 + length));
    } catch {
      return false; // an algorithm that does not fit the key
    }
  }
}

/** TLS 1.2 PRF with SHA-256 (RFC 5246 §5). */
function prf(secret: Buffer, label: string, seed: Buffer, length: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const hmac = (data: Buffer) => createHmac('sha256', secret).update(data).digest();
  const out: Buffer[] = [];
  let a = hmac(labelled);
  for (let bytes = 0; bytes < length; bytes += 32) {
    out.push(hmac(Buffer.concat([a, labelled])));
    a = hmac(a);
  }
  return Buffer.concat(out).subarray(0, length);
}
