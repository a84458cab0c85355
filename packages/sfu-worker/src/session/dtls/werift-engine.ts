import type { Certificate } from './certificate.ts';
import { useNativeCrypto } from './native-crypto.ts';
import type { DtlsEngine } from './secure-channel.ts';
import { warmUp } from './warm-up.ts';
import { WeriftChannel } from './werift-channel.ts';

/** Handshakes by werift, with the key agreement and the signatures of node:crypto, and with what the first one needs made. */
export function weriftEngine(certificate: Certificate): DtlsEngine {
  useNativeCrypto();
  const engine: DtlsEngine = { name: 'werift', open: (options) => new WeriftChannel(certificate, options) };
  warmUp(engine);
  return engine;
}
