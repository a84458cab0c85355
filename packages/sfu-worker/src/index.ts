/** The face of the worker package: where its thread begins, and what main needs of it. */
export { descriptorDuplicator } from './fastpath/usable-addon.ts';
export { activeResources, ThreadProfiler } from './profile/thread-profiler.ts';
export { type Certificate, makeCertificate } from './session/dtls/certificate.ts';

/** The module that the pool runs; `.ts` in development, `.js` when built. */
export const workerEntry = new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url);
