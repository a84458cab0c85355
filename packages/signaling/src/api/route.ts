import type { z } from 'zod';

/** What a handler is given: checked, decoded. */
export type RouteInput<Query, Body> = {
  /** By the names in `path`. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
};

/** One operation of the API: what is served, and what openapi.json says of it. */
export type ApiRoute<Query = unknown, Body = unknown> = {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  /** `{name}`, always last, is the name of a path with its slashes; any other parameter is one segment. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly query?: z.ZodType<Query, Record<string, unknown>>;
  readonly body?: z.ZodType<Body>;
  /** Of a 200. */
  readonly response: z.ZodType;
  /** @throws ShardcastError, which is answered as a problem */
  answer(input: RouteInput<Query, Body>): unknown;
};

/** An operation whose query, body and answer have the types that its schemas say. */
export function route<Response extends z.ZodType, Query = unknown, Body = unknown>(
  definition: Omit<ApiRoute<Query, Body>, 'answer' | 'response'> & {
    readonly response: Response;
    readonly answer: (input: RouteInput<Query, Body>) => z.input<Response> | Promise<z.input<Response>>;
  },
): ApiRoute {
  // What the router passes has been through `query` and `body`.
  return definition as ApiRoute;
}
