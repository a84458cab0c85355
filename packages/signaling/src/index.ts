/** The server as a library: what `main.ts` runs. */
export { createLogger, type Logger } from './logging/logger.ts';
export { startThreads } from './pool/start-threads.ts';
export { type ServerOptions, ShardcastServer } from './server.ts';
