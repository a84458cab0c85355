import { z } from 'zod';
import { onOff } from './values.ts';

const KeyFile = (of: string) =>
  z.string().min(1).default('server.key').describe(`Private key of ${of}, PEM, relative to the working directory.`);
const CertFile = (of: string) =>
  z
    .string()
    .min(1)
    .default('server.crt')
    .describe(`Certificate of ${of} with its chain, PEM. Read again when it changes.`);

/** Encryption of every listener; off as it comes, as in MediaMTX. */
export const webrtcTlsKeys = {
  webrtcEncryption: onOff().prefault('off').describe('HTTPS instead of HTTP on `webrtcAddress`.'),
  webrtcServerKey: KeyFile('`webrtcAddress`'),
  webrtcServerCert: CertFile('`webrtcAddress`'),
} as const;
export const apiTlsKeys = {
  apiEncryption: onOff().prefault('off').describe('HTTPS instead of HTTP on `apiAddress`.'),
  apiServerKey: KeyFile('`apiAddress`'),
  apiServerCert: CertFile('`apiAddress`'),
} as const;
export const metricsTlsKeys = {
  metricsEncryption: onOff().prefault('off').describe('HTTPS instead of HTTP on `metricsAddress`.'),
  metricsServerKey: KeyFile('`metricsAddress`'),
  metricsServerCert: CertFile('`metricsAddress`'),
} as const;
export const pprofTlsKeys = {
  pprofEncryption: onOff().prefault('off').describe('HTTPS instead of HTTP on `pprofAddress`.'),
  pprofServerKey: KeyFile('`pprofAddress`'),
  pprofServerCert: CertFile('`pprofAddress`'),
} as const;
export const rtspTlsKeys = {
  rtspEncryption: z
    .enum(['no', 'optional', 'strict'])
    .default('no')
    .describe('`optional` listens on `rtspsAddress` too, `strict` there alone.'),
  rtspServerKey: KeyFile('`rtspsAddress`'),
  rtspServerCert: CertFile('`rtspsAddress`'),
} as const;
