import { X509Certificate } from 'node:crypto';
import type { WorkerSettings } from '@shardcast/shared';

/** One certificate for all workers: the fingerprint in an answer does not depend on the shard. */
export type Certificate = WorkerSettings['certificate'];

/** A new self-signed ECDSA P-256 certificate. Takes some 5 ms, and 170 ms more the first time in a thread. */
export async function makeCertificate(): Promise<Certificate> {
  const { CipherContext, HashAlgorithm, NamedCurveAlgorithm, SignatureAlgorithm } = await import('werift'); // 170 ms: only when needed
  // Not `RTCDtlsTransport.SetupCertificate`, which gives every caller in a process the same one.
  const { certPem, keyPem, signatureHash } = await CipherContext.createSelfSignedCertificateWithKey(
    { hash: HashAlgorithm.sha256_4, signature: SignatureAlgorithm.ecdsa_3 },
    NamedCurveAlgorithm.secp256r1_23,
  );
  return {
    certPem,
    keyPem,
    signatureHash: { hash: signatureHash.hash, signature: signatureHash.signature },
    fingerprint: new X509Certificate(certPem).fingerprint256,
  };
}
