import type { WorkerSettings } from '@shardcast/shared';

/** Settings that say nothing in particular. */
export function workerSettings(worker: number): WorkerSettings {
  return {
    worker,
    udp: { host: '127.0.0.1', port: 0 },
    candidateAddresses: ['127.0.0.1'],
    certificate: { certPem: '', keyPem: '', signatureHash: { hash: 4, signature: 3 }, fingerprint: '' },
    rtcpIntervalMs: 3000,
    nack: false,
    fastPath: 'portable',
    dtls: 'werift',
    bufferPool: true,
    poolSlots: 16,
    udpMaxPayloadSize: 1452,
    keyframeCache: { maxBytes: 0, maxAgeMs: 0 },
    rtspTransports: ['udp', 'tcp'],
    handshakeTimeoutMs: 1000,
    consentTimeoutMs: 1000,
    readTimeoutMs: 1000,
    sourceNetworks: [],
    publisherGraceMs: 1000,
    logLevel: 'info',
  };
}
