export * from './config/index.ts';
export * from './errors.ts';
export * from './protocol/control.ts';
export * from './protocol/media.ts';
export * from './protocol/port-client.ts';
export * from './protocol/snapshot.ts';
export * from './protocol/telemetry.ts';
export * from './rtsp/index.ts';
