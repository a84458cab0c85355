import type { DtlsEngine } from './secure-channel.ts';

/** RFC 5246 §7.4.1.2 in a record and a message of RFC 6347: the suite that we speak, and P-256 alone (RFC 8422 §5.1.1). */
const HELLO_BODY = Buffer.concat([
  Buffer.from([0xfe, 0xfd]),
  Buffer.alloc(32), // random
  Buffer.from([0, 0]), // neither session nor cookie
  Buffer.from([0, 2, 0xc0, 0x2b]), // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
  Buffer.from([1, 0]), // no compression
  Buffer.from([0, 8, 0, 10, 0, 4, 0, 2, 0, 23]), // supported_groups: secp256r1
]);
const length = HELLO_BODY.length;
const HELLO = Buffer.concat([
  Buffer.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12 + length]),
  Buffer.from([1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length]),
  HELLO_BODY,
]);

/**
 * Half of a handshake that leads nowhere: what an engine loads and compiles with its first one is better done before the
 * worker serves than while it does.
 * @returns whether a handshake began, and so made a key
 */
export function warmUp(engine: DtlsEngine): boolean {
  let isAnswered = false;
  const channel = engine.open({
    active: false,
    profiles: [1],
    fingerprint: { hash: 'sha-256', value: '' }, // nobody comes so far as to be compared
    send: () => {
      isAnswered = true;
    },
    onReady: () => {},
    onFail: () => {},
    onAlert: () => {},
    onDropped: () => {},
  });
  channel.onDatagram(HELLO);
  channel.close();
  return isAnswered;
}
