/**
 * Every failure that a caller can act on. HTTP, RTSP and the WebSocket map these codes in one table each;
 * docs/errors.md has a row for every one.
 */
export const ERROR_CODES = [
  'BAD_REQUEST',
  'SDP_INVALID',
  'SDP_UNACCEPTABLE',
  'UNSUPPORTED_MEDIA_TYPE',
  'BODY_TOO_LARGE',
  'PATH_INVALID',
  'PATH_NOT_FOUND',
  'STREAM_NOT_FOUND',
  'STREAM_NOT_READY',
  'STREAM_QUARANTINED',
  'PUBLISHER_EXISTS',
  'SESSION_NOT_FOUND',
  'PROFILE_RUNNING',
  'WORKER_NOT_FOUND',
  'PRECONDITION_FAILED',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'AUTH_UNAVAILABLE',
  'TOO_MANY_SESSIONS',
  'TOO_MANY_CONNECTING',
  'CLIENT_OVER_LIMIT',
  'NO_WORKER_CAPACITY',
  'WORKER_LOST',
  'SHUTTING_DOWN',
  'CONFIG_INVALID',
  'SETTING_INVALID',
  'SETTING_EXISTS',
  'SETTING_NOT_FOUND',
  'CONFIG_NOT_SAVED',
  'INTERNAL',
] as const;
export type ShardcastErrorCode = (typeof ERROR_CODES)[number];

/** A domain failure with a stable `code`. The message is for people and holds no secrets and no SDP. */
export class ShardcastError extends Error {
  readonly code: ShardcastErrorCode;
  constructor(code: ShardcastErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ShardcastError';
    this.code = code;
  }
}

/** An error as it crosses a MessagePort: plain data, never an `Error` instance. */
export type WireError = { readonly code: ShardcastErrorCode; readonly message: string };

export function toWireError(error: unknown): WireError {
  if (error instanceof ShardcastError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

export function assertNever(value: never): never {
  throw new TypeError(`unreachable: ${String(value)}`);
}
