import { expect, test } from 'vitest';
import { deriveKey, LABEL } from './kdf.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

test('session keys come out as in RFC 3711 appendix B.3', () => {
  const key = hex('e1f97a0d3e018be0d64fa32c06de4139');
  const salt = hex('0ec675ad498afeebb6960b3aabe6');
  expect(deriveKey(key, salt, LABEL.RTP_ENCRYPTION, 16)).toEqual(hex('c61e7a93744f39ee10734afe3ff7a087'));
  expect(deriveKey(key, salt, LABEL.RTP_SALT, 14)).toEqual(hex('30cbbc08863d8c85d49db34a9ae1'));
  // The appendix derives 94 bytes for an authentication key.
  expect(deriveKey(key, salt, LABEL.RTP_AUTHENTICATION, 94)).toEqual(
    hex(`cebe321f6ff7716b6fd4ab49af256a15 6d38baa48f0a0acf3c34e2359e6cdbce
         e049646c43d9327ad175578ef7227098 6371c10c9a369ac2f94a8c5fbcdddc25
         6d6e919a48b610ef17c2041e47403576 6b68642c59bbfc2f34db60dbdfb2`),
  );
});
