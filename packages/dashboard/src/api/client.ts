/** The server said no, or could not be asked. */
export class ApiError extends Error {
  /** 0 when there was no answer. */
  readonly status: number;
  readonly code: string;
  constructor(message: string, status: number, code: string) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

/** A token in the page's address, for servers where a password will not do. */
const given = new URLSearchParams(window.location.search);
export const token = given.get('jwt') ?? given.get('token') ?? undefined;

/** `name` as part of an address: slashes in it stay. */
export function encodeName(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

/** An address of the server's beside this page, which may lie behind a prefix. */
export function serverUrl(path: string): string {
  return new URL(path, window.location.href.replace(/[?#].*$/, '')).href;
}

/** @param path after `/v3/`. @throws ApiError. The type is the caller's word: it is our own server that answers. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request('GET', path, undefined, signal)) as T;
}

/** @throws ApiError */
export async function send<T>(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
  return (await request(method, path, body)) as T; // likewise
}

/** Bytes from beside this page. @throws ApiError */
export async function getBytes(path: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const response = await answered(serverUrl(path), { headers: headers(), ...(signal && { signal }) });
  return new Uint8Array(await response.arrayBuffer());
}

async function request(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
  const response = await answered(serverUrl(`api/v3/${path}`), {
    method,
    headers: { ...headers(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  return response.json();
}

function headers(): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token}` };
}

async function answered(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError('The server does not answer', 0, 'UNREACHABLE');
  }
  if (response.ok) return response;
  const problem: unknown = await response.json().catch(() => undefined);
  const { detail, code } = typeof problem === 'object' && problem !== null ? (problem as Record<string, unknown>) : {};
  throw new ApiError(
    typeof detail === 'string' ? detail : `the server answered ${response.status}`,
    response.status,
    typeof code === 'string' ? code : '',
  );
}
