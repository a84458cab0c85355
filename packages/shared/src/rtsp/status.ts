import type { ShardcastErrorCode } from '../errors.ts';

/** Reason phrases of the statuses that we send (RFC 2326 §7.1.1). */
export const RTSP_REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  451: 'Parameter Not Understood',
  453: 'Not Enough Bandwidth',
  454: 'Session Not Found',
  455: 'Method Not Valid in This State',
  461: 'Unsupported Transport',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'RTSP Version Not Supported',
};

/** RTSP status of every failure. RTSP/1.0 has no conflict: 455 comes closest for a path that is taken. */
export const RTSP_STATUS = {
  BAD_REQUEST: 400,
  SDP_INVALID: 400,
  SDP_UNACCEPTABLE: 415,
  UNSUPPORTED_MEDIA_TYPE: 415,
  BODY_TOO_LARGE: 413,
  PATH_INVALID: 400,
  PATH_NOT_FOUND: 404,
  STREAM_NOT_FOUND: 404,
  STREAM_NOT_READY: 404,
  STREAM_QUARANTINED: 503,
  PUBLISHER_EXISTS: 455,
  SESSION_NOT_FOUND: 454,
  PRECONDITION_FAILED: 412,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  TOO_MANY_SESSIONS: 453,
  NO_WORKER_CAPACITY: 453,
  WORKER_LOST: 503,
  SHUTTING_DOWN: 503,
  CONFIG_INVALID: 500,
  INTERNAL: 500,
} as const satisfies Record<ShardcastErrorCode, number>;
