import type { WorkerSettings } from '@shardcast/shared';

/** One certificate for all workers: the fingerprint in an answer does not depend on the shard. */
export type Certificate = WorkerSettings['certificate'];

/** A new self-signed ECDSA P-256 certificate. Takes some 5 ms, and 170 ms more the first time in a thread. */
export async function makeCertificate(): Promise<Certificate> {
  const { RTCDtlsTransport } = await import('werift'); // 170 ms: only when needed
  const made = await RTCDtlsTransport.SetupCertificate();
  const sha256 = made.getFingerprints().find(({ algorithm }) => algorithm === 'sha-256');
  if (sha256 === undefined) throw new Error('werift made a certificate without a SHA-256 fingerprint');
  return {
    certPem: made.certPem,
    keyPem: made.privateKey,
    signatureHash: { hash: made.signatureHash.hash, signature: made.signatureHash.signature },
    fingerprint: sha256.value.toUpperCase(),
  };
}
