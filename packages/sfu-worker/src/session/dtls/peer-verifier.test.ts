import { createHash, createHmac, randomBytes, sign, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { Seeded } from '../../../test/rtp/seeded.ts';
import { type Certificate, makeCertificate } from './certificate.ts';
import { PeerVerifier } from './peer-verifier.ts';

const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const HELLO_VERIFY_REQUEST = 3;
const CERTIFICATE = 11;
const SERVER_KEY_EXCHANGE = 12;
const CERTIFICATE_REQUEST = 13;
const SERVER_HELLO_DONE = 14;
const CERTIFICATE_VERIFY = 15;
const CLIENT_KEY_EXCHANGE = 16;
const FINISHED = 20;

const ECDSA_SHA256 = Buffer.from([4, 3]);
const transcript = randomBytes(500);
const masterSecret = randomBytes(48);
const randoms = randomBytes(64);

let peer: Certificate;
beforeAll(async () => {
  peer = await makeCertificate();
});

function verifier(weAreClient: boolean): PeerVerifier {
  const state = { transcript: () => transcript, masterSecret, clientAndServerRandom: randoms };
  return new PeerVerifier({ hash: 'sha-256', value: peer.fingerprint }, weAreClient, state);
}

/** RFC 5246 §7.4.2: a list of one certificate, each with its length. */
function certificate(): Buffer {
  const { raw } = new X509Certificate(peer.certPem);
  const lengths = Buffer.alloc(6);
  lengths.writeUIntBE(raw.length + 3, 0, 3);
  lengths.writeUIntBE(raw.length, 3, 3);
  return Buffer.concat([lengths, raw]);
}
function signed(data: Buffer): Buffer {
  const signature = sign('sha256', data, peer.keyPem);
  return Buffer.concat([ECDSA_SHA256, Buffer.from([0, signature.length]), signature]);
}
/** RFC 8422 §5.4: a named curve (x25519), the point, the signature. */
function serverKeyExchange(): Buffer {
  const parameters = Buffer.concat([Buffer.from([3, 0, 29, 32]), randomBytes(32)]);
  return Buffer.concat([parameters, signed(Buffer.concat([randoms, parameters]))]);
}
/** RFC 5246 §7.4.9, with one round of the PRF of §5. */
function finished(label: string): Buffer {
  const seed = Buffer.concat([Buffer.from(label), createHash('sha256').update(transcript).digest()]);
  const hmac = (data: Buffer) => createHmac('sha256', masterSecret).update(data).digest();
  return hmac(Buffer.concat([hmac(seed), seed])).subarray(0, 12);
}

type Message = { readonly type: number; readonly body: Buffer };
const empty = Buffer.alloc(0);

/** All that a peer says, in order. werift reads the messages that have no body here; they prove nothing. */
function clientFlights(): Message[] {
  return [
    { type: CLIENT_HELLO, body: empty },
    { type: CLIENT_HELLO, body: empty }, // with the cookie
    { type: CERTIFICATE, body: certificate() },
    { type: CLIENT_KEY_EXCHANGE, body: empty },
    { type: CERTIFICATE_VERIFY, body: signed(transcript) },
    { type: FINISHED, body: finished('client finished') },
  ];
}
function serverFlights(): Message[] {
  return [
    { type: HELLO_VERIFY_REQUEST, body: empty },
    { type: SERVER_HELLO, body: empty },
    { type: CERTIFICATE, body: certificate() },
    { type: SERVER_KEY_EXCHANGE, body: serverKeyExchange() },
    { type: CERTIFICATE_REQUEST, body: empty },
    { type: SERVER_HELLO_DONE, body: empty },
    { type: FINISHED, body: finished('server finished') },
  ];
}

/** The first refusal, undefined when all was good. */
function refusal(verifying: PeerVerifier, messages: readonly Message[]): string | undefined {
  for (const message of messages) {
    const refused = verifying.check(message);
    if (refused !== undefined) return refused;
  }
  return undefined;
}
const replaced = (messages: readonly Message[], type: number, body: Buffer): Message[] =>
  messages.map((message) => (message.type === type ? { type, body } : message));

describe.each([
  { who: 'a client of ours', weAreClient: false, flights: clientFlights, mayLack: [CLIENT_HELLO] },
  {
    who: 'a server of ours',
    weAreClient: true,
    flights: serverFlights,
    mayLack: [HELLO_VERIFY_REQUEST, CERTIFICATE_REQUEST],
  },
])('$who', ({ weAreClient, flights, mayLack }) => {
  const at = (all: readonly Message[], i: number) => all[i] as Message;

  test('is good with its certificate, its signature and its Finished, and may send that again', () => {
    const messages = flights();
    expect(refusal(verifier(weAreClient), [...messages, at(messages, messages.length - 1)])).toBeUndefined();
  });

  test('cannot leave out a message that proves who it is', () => {
    const messages = flights();
    for (let i = 0; i < messages.length; i++) {
      const { type } = at(messages, i);
      const rest = messages.filter((_message, n) => n !== i);
      if (i === messages.length - 1) continue; // without Finished there is no session
      if (mayLack.includes(type)) expect(refusal(verifier(weAreClient), rest)).toBeUndefined();
      else expect(refusal(verifier(weAreClient), rest), `without ${type}`).toMatch(/out of turn/);
    }
  });

  test('cannot say anything twice but its hello and its Finished, wherever it puts it', () => {
    const messages = flights();
    for (let from = 0; from < messages.length; from++) {
      for (let to = from + 1; to <= messages.length; to++) {
        const again = [...messages.slice(0, to), at(messages, from), ...messages.slice(to)];
        const { type } = at(messages, from);
        const isRepetition = to === from + 1 && (type === CLIENT_HELLO || type === FINISHED);
        const isHello = type === CLIENT_HELLO && at(messages, to - 1).type === CLIENT_HELLO;
        if (isRepetition || isHello) expect(refusal(verifier(weAreClient), again)).toBeUndefined();
        else expect(refusal(verifier(weAreClient), again), `${type} again after ${to}`).toMatch(/out of turn/);
      }
    }
  });

  test('cannot change the order', () => {
    const messages = flights();
    for (let i = 0; i + 1 < messages.length; i++) {
      const [one, other] = [at(messages, i), at(messages, i + 1)];
      if (one.type === other.type) continue;
      const swapped = [...messages.slice(0, i), other, one, ...messages.slice(i + 2)];
      expect(refusal(verifier(weAreClient), swapped), `${other.type} before ${one.type}`).toMatch(/out of turn/);
    }
  });

  test("cannot prove itself by the other role's messages, nor by unknown ones", () => {
    const foreign = weAreClient
      ? [CLIENT_HELLO, CLIENT_KEY_EXCHANGE, CERTIFICATE_VERIFY, 0, 4, 22, 255]
      : [SERVER_HELLO, HELLO_VERIFY_REQUEST, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE, 0, 4, 22];
    for (const type of foreign) {
      const body = type === SERVER_KEY_EXCHANGE ? serverKeyExchange() : signed(transcript);
      for (let i = 0; i <= flights().length; i++) {
        const messages = flights();
        messages.splice(i, 0, { type, body });
        expect(refusal(verifier(weAreClient), messages)).toMatch(/out of turn/);
      }
    }
  });

  test("cannot finish with the other role's label", () => {
    const label = weAreClient ? 'client finished' : 'server finished';
    expect(refusal(verifier(weAreClient), replaced(flights(), FINISHED, finished(label)))).toBe('Finished is wrong');
  });
});

test('a signature over another transcript, or over another key, is refused', () => {
  const other = signed(Buffer.concat([transcript, Buffer.from('x')]));
  expect(refusal(verifier(false), replaced(clientFlights(), CERTIFICATE_VERIFY, other))).toMatch(/signature is wrong/);
  const exchange = serverKeyExchange();
  exchange[10] = (exchange[10] as number) ^ 1;
  expect(refusal(verifier(true), replaced(serverFlights(), SERVER_KEY_EXCHANGE, exchange))).toMatch(
    /signature is wrong/,
  );
});

test('whatever comes, nothing is thrown and nothing forged is good', () => {
  const random = new Seeded(5246);
  const valid = serverFlights();
  const proofs = valid.flatMap(({ body }, at) => (body.length > 0 ? [at] : []));
  for (let round = 0; round < 1500; round++) {
    const client = verifier(true);
    const at = proofs[round % proofs.length] as number;
    expect(refusal(client, valid.slice(0, at))).toBeUndefined();
    const { type, body } = valid[at] as Message;
    const forged = round % 4 === 0 ? random.bytes(random.below(100)) : random.mutate(body);
    const refused = client.check({ type, body: forged });
    // What follows the certificate or the signature is not read.
    const isSame = forged.subarray(0, body.length).equals(body) && type !== FINISHED;
    const hasSameCertificate = type === CERTIFICATE && forged.subarray(3, body.length).equals(body.subarray(3));
    if (!isSame && !hasSameCertificate && !forged.equals(body)) expect(refused).toBeTypeOf('string');
  }
});
