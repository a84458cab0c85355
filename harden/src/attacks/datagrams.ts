import { randomBytes } from 'node:crypto';
import { bindingRequest } from '@shardcast/load';
import type { Attack, Target } from '../attack.ts';
import { flood } from '../flood.ts';

/** A DTLS 1.2 ClientHello in one record, with a cipher suite that encrypts nothing. */
export function clientHello(): Buffer {
  const body = Buffer.concat([
    Buffer.from([0xfe, 0xfd]),
    randomBytes(32),
    Buffer.from([0, 0]), // no session, no cookie
    Buffer.from([0, 2, 0, 0]), // TLS_NULL_WITH_NULL_NULL
    Buffer.from([1, 0]),
  ]);
  const message = Buffer.alloc(12);
  message[0] = 1;
  message.writeUIntBE(body.length, 1, 3);
  message.writeUIntBE(body.length, 9, 3);
  const record = Buffer.alloc(13);
  record[0] = 22;
  record.writeUInt16BE(0xfeff, 1);
  record.writeUInt16BE(12 + body.length, 11);
  return Buffer.concat([record, message, body]);
}

const ALERT = Buffer.from([21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0]);
const wrongCheck = () => bindingRequest(`${randomBytes(4).toString('hex')}:x`, 'a password that nobody has');
const forgedRtp = () => Buffer.concat([Buffer.from([0x80, 96]), randomBytes(100)]);

async function strangers(target: Target, sources: number, perSecond: number, datagram: (n: number) => Buffer) {
  const { mediaPorts: ports, scale } = target;
  const result = await flood({ sources, ports, perSecond, seconds: scale.seconds, datagram });
  return {
    figure: `${result.sent} datagrams, ${result.answers} answers`,
    isMet: result.answers === 0 && result.sent > 0,
  };
}

/** Strangers at the media ports, who must get no byte back. */
export const DATAGRAM_ATTACKS: readonly Attack[] = [
  {
    id: 'S2',
    goal: 'random datagrams at the media ports: nothing lost, no answer',
    run: (target) => strangers(target, 16, 5000, () => randomBytes(1 + Math.floor(Math.random() * 300))),
  },
  {
    id: 'S3',
    goal: 'STUN flood, 10,000/s from 64 sources: loss < 0.1 %, no answer',
    run: (target) => strangers(target, 64, 10_000, wrongCheck),
  },
  {
    id: 'S4',
    isLong: true,
    goal: 'ClientHello flood, 1,000/s: bytes out <= bytes in, no session lost',
    run: (target) => strangers(target, 16, 1000, clientHello),
  },
  {
    id: 'S5',
    goal: 'alerts, ClientHellos, checks and SRTP of strangers, 1,000/s each: no answer',
    run: (target) =>
      strangers(target, 16, 4000, (n) => [() => ALERT, clientHello, wrongCheck, forgedRtp][n % 4]?.() ?? ALERT),
  },
];
