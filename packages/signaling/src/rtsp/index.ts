export { RtspServer, type RtspServerOptions } from './server.ts';
