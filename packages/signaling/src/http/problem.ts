import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { ShardcastError, type ShardcastErrorCode } from '@shardcast/shared';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { credentialsOf } from '../auth/credentials.ts';
import type { Logger } from '../logging/logger.ts';

// `satisfies`: a new code without a status is a compile error, not a surprise 500.
export const HTTP_STATUS = {
  BAD_REQUEST: 400,
  SDP_INVALID: 400,
  SDP_UNACCEPTABLE: 422,
  UNSUPPORTED_MEDIA_TYPE: 415,
  BODY_TOO_LARGE: 413,
  PATH_INVALID: 400,
  PATH_NOT_FOUND: 404,
  STREAM_NOT_FOUND: 404,
  STREAM_NOT_READY: 409,
  STREAM_QUARANTINED: 503,
  PUBLISHER_EXISTS: 409,
  SESSION_NOT_FOUND: 404,
  PROFILE_RUNNING: 409,
  WORKER_NOT_FOUND: 404,
  PRECONDITION_FAILED: 412,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  AUTH_UNAVAILABLE: 503,
  TOO_MANY_SESSIONS: 503,
  TOO_MANY_CONNECTING: 503,
  CLIENT_OVER_LIMIT: 429,
  NO_WORKER_CAPACITY: 503,
  WORKER_LOST: 503,
  SHUTTING_DOWN: 503,
  CONFIG_INVALID: 500,
  SETTING_INVALID: 400,
  SETTING_EXISTS: 400,
  SETTING_NOT_FOUND: 404,
  CONFIG_NOT_SAVED: 503,
  INTERNAL: 500,
} as const satisfies Record<ShardcastErrorCode, number>;

/** Seconds after which the same request may succeed. */
const RETRY_AFTER: Partial<Record<ShardcastErrorCode, number>> = {
  STREAM_NOT_READY: 2,
  AUTH_UNAVAILABLE: 2,
  STREAM_QUARANTINED: 30,
  TOO_MANY_SESSIONS: 5,
  TOO_MANY_CONNECTING: 2,
  CLIENT_OVER_LIMIT: 10,
  NO_WORKER_CAPACITY: 5,
  WORKER_LOST: 1,
  SHUTTING_DOWN: 5,
};

/** Seconds for a `Retry-After` header; undefined when trying again would not help. */
export function retryAfterSeconds(code: ShardcastErrorCode): number | undefined {
  return RETRY_AFTER[code];
}

/** Answers with RFC 9457 problem details. `detail` is for people; `error` repeats it where MediaMTX's clients look. */
export function sendProblem(res: Response, status: number, code: string, detail: string): void {
  res.status(status);
  res.setHeader('Content-Type', 'application/problem+json');
  res.setHeader('Cache-Control', 'no-store');
  res.end(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail, code, error: detail }));
}

/** @param allow the methods that there are */
export function sendMethodNotAllowed(res: Response, allow: string): void {
  res.setHeader('Allow', allow);
  sendProblem(res, 405, 'METHOD_NOT_ALLOWED', `use one of ${allow}`);
}

export const notFound: RequestHandler = (_req, res) => {
  sendProblem(res, 404, 'NOT_FOUND', 'there is nothing here');
};

/** Any failure as a ShardcastError; what Express's own parsers throw keeps its status class, the rest is INTERNAL. */
export function toShardcastError(error: unknown): ShardcastError {
  if (error instanceof ShardcastError) return error;
  const status = typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
  if (status === 413) return new ShardcastError('BODY_TOO_LARGE', 'the body is too large', { cause: error });
  if (status === 415)
    return new ShardcastError('UNSUPPORTED_MEDIA_TYPE', 'the encoding of the body is not supported', { cause: error });
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new ShardcastError('BAD_REQUEST', 'the request is malformed', { cause: error });
  return new ShardcastError('INTERNAL', 'internal error', { cause: error });
}

/** Refusals for want of room, by reason, for `shardcast_admission_rejected_total`. */
export type Rejections = { count(reason: ShardcastErrorCode): void };

/** Counts the refusal if it was for want of room, or because the client has too much of it. */
export function countRejection(rejections: Rejections | undefined, code: ShardcastErrorCode): void {
  const status = HTTP_STATUS[code];
  if (status === 503 || status === 429) rejections?.count(code);
}

/** The last handler of every app. Bugs are logged whole and answered without a word about them. */
export function problemHandler(log: Logger, rejections?: Rejections): ErrorRequestHandler {
  return (failure, req, res, next) => {
    if (res.headersSent) {
      next(failure);
      return;
    }
    const error = toShardcastError(failure);
    const status = HTTP_STATUS[error.code];
    countRejection(rejections, error.code);
    const about = { method: req.method, url: req.path, code: error.code };
    if (status >= 500 && status !== 503) log.error({ ...about, err: failure }, 'request failed');
    else log.debug({ ...about, detail: error.message }, 'request refused');
    const retryAfter = retryAfterSeconds(error.code);
    if (retryAfter !== undefined) res.setHeader('Retry-After', retryAfter);
    // The rest of a body that is not wanted is not read.
    if (status === 413) res.setHeader('Connection', 'close');
    if (status === 401) res.setHeader('WWW-Authenticate', challengeFor(req));
    sendProblem(res, status, error.code, status === 500 ? 'internal error' : error.message);
  };
}

/**
 * A browser asks its user for a password when it sees Basic, and holds the request until then: only where nothing was
 * given. Who gave something that was wrong is told of a scheme that asks nobody (a 401 has one: RFC 9110 §15.5.2).
 */
function challengeFor(request: IncomingMessage): string {
  return `${credentialsOf(request) === undefined ? 'Basic' : 'Bearer'} realm="shardcast"`;
}
