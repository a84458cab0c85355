import { ShardcastError, type WorkerSettings } from '@shardcast/shared';
import { loadNativeAddon } from '../../fastpath/native-addon.ts';
import type { Certificate } from './certificate.ts';
import { OpenSslChannel } from './openssl-channel.ts';
import type { DtlsEngine } from './secure-channel.ts';
import { warmUp } from './warm-up.ts';

/**
 * Who does the handshakes of a worker, ready for the first one. The addon's serves beside either media path.
 * @throws ShardcastError CONFIG_INVALID when `openssl` is asked for and cannot be had.
 */
export async function selectDtlsEngine({
  dtls,
  certificate,
}: Pick<WorkerSettings, 'dtls' | 'certificate'>): Promise<DtlsEngine> {
  if (dtls === 'openssl') return openSslEngine(certificate);
  // Only when needed: the import of werift blocks a thread for some 170 ms.
  const { weriftEngine } = await import('./werift-engine.ts');
  return weriftEngine(certificate);
}

function openSslEngine(certificate: Certificate): DtlsEngine {
  const refuse = (reason: string): never => {
    throw new ShardcastError('CONFIG_INVALID', `OpenSSL cannot do the DTLS handshakes: ${reason}`);
  };
  const loaded = loadNativeAddon();
  if ('reason' in loaded) return refuse(loaded.reason);
  const { addon } = loaded;
  const { openssl } = process.versions;
  // N-API is stable across Node's versions, OpenSSL's own interface is so within a major version.
  if (Number.parseInt(openssl, 10) !== addon.openSslMajor)
    return refuse(`the addon was built for OpenSSL ${addon.openSslMajor}, this Node has ${openssl}`);
  const context = new addon.DtlsContext(certificate.certPem, certificate.keyPem);
  const engine: DtlsEngine = { name: 'openssl', open: (options) => new OpenSslChannel(addon, context, options) };
  warmUp(engine);
  return engine;
}
