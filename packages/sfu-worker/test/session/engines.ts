import { loadNativeAddon } from '../../src/fastpath/native-addon.ts';
import type { DtlsEngine } from '../../src/session/dtls/secure-channel.ts';

const hasAddon = 'addon' in loadNativeAddon();

/** The DTLS engines of this machine: tests of handshakes run on each. */
export const ENGINES: readonly DtlsEngine['name'][] = hasAddon ? ['werift', 'openssl'] : ['werift'];

/** Media paths with a DTLS engine: each path, and each engine, once with the other's. */
export const COMBINATIONS: readonly { media: 'portable' | 'native'; dtls: DtlsEngine['name'] }[] = [
  { media: 'portable', dtls: 'werift' },
  ...(hasAddon ? ([{ media: 'native', dtls: 'openssl' }] as const) : []),
];
