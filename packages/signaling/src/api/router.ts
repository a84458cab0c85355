import { ShardcastError } from '@shardcast/shared';
import type { Express, Request, Response } from 'express';
import type { z } from 'zod';
import { readBytes } from '../http/body.ts';
import { sendMethodNotAllowed } from '../http/problem.ts';
import { decodedPath } from '../http/request-path.ts';
import type { ApiRoute } from './route.ts';

const MAX_BODY_BYTES = 64 * 1024;

export type RouterOptions = {
  /** Fail when an answer is not what its schema says. Costs time: for tests. */
  readonly checkAnswers?: boolean;
};

/** Serves `routes`, and 405 for the methods that a URL does not have. */
export function mountRoutes(app: Express, routes: readonly ApiRoute[], options: RouterOptions = {}): void {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const pattern = expressPattern(route.path);
    methods.set(pattern, [...(methods.get(pattern) ?? []), route.method.toUpperCase()]);
    app[route.method](pattern, (req, res) => serve(route, req, res, options));
  }
  for (const [pattern, allowed] of methods)
    app.all(pattern, (_req, res) => sendMethodNotAllowed(res, allowed.join(', ')));
}

async function serve(route: ApiRoute, req: Request, res: Response, { checkAnswers }: RouterOptions): Promise<void> {
  const query = route.query && checked(route.query, req.query);
  const body = route.body && checked(route.body, await readJson(req));
  const answer = await route.answer({ params: paramsOf(route, req), query, body });
  if (checkAnswers) route.response.parse(answer);
  res.json(answer);
}

/** `/v3/paths/get/{name}` as Express 5 writes it. */
function expressPattern(path: string): string {
  return path.replace(/\{name\}$/, '*name').replaceAll(/\{(\w+)\}/g, ':$1');
}

function paramsOf({ path }: ApiRoute, req: Request): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [key, value] of Object.entries(req.params)) if (typeof value === 'string') params[key] = value;
  // From the URL: names have slashes, which the route's parameter would hold as a list.
  if (path.endsWith('{name}')) params['name'] = decodedPath(req.path).slice(path.length - '{name}'.length);
  return params;
}

/** An empty body is an empty object. Whatever type it claims to be of: `curl -d` claims a form. */
async function readJson(req: Request): Promise<unknown> {
  const text = (await readBytes(req, MAX_BODY_BYTES)).toString('utf8');
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ShardcastError('BAD_REQUEST', 'the body is not JSON', { cause });
  }
}

function checked<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
  throw new ShardcastError('BAD_REQUEST', faults.join('; '));
}
