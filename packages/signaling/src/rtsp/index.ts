export type { RtspAccess, RtspAuthorise } from './publisher-door.ts';
export { RtspServer, type RtspServerOptions } from './server.ts';
