import { STATUS_CODES } from 'node:http';
import { ERROR_CODES } from '@shardcast/shared';
import { z } from 'zod';
import { createDocument, type ZodOpenApiObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import type { ApiRoute } from './route.ts';

const Problem = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('For people; may change.'),
    code: z.union([z.enum(ERROR_CODES), z.string()]).describe('For programs: docs/errors.md.'),
    error: z.string().describe('`detail`, where clients of MediaMTX look.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

/** OpenAPI 3.1 of `routes`. */
export function openApi(routes: readonly ApiRoute[], version: string): ReturnType<typeof createDocument> {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  const document: ZodOpenApiObject = {
    openapi: '3.1.0',
    info: {
      title: 'Shardcast',
      version,
      description: "The control API. Shapes are MediaMTX's wherever it has the operation.",
      license: { name: 'MIT', identifier: 'MIT' },
    },
    security: [{}, { basic: [] }, { bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
  };
  return createDocument(document);
}

function operation({ method, path, tag, summary, query, body, response }: ApiRoute) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const problems = names.length > 0 ? [400, 401, 403, 404] : [400, 401, 403];
  return {
    operationId: [method, ...path.split(/[/{}]+/).filter((part) => part !== '' && part !== 'v3')].join('-'),
    tags: [tag],
    summary,
    requestParams: {
      ...(names.length === 0 ? {} : { path: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) }),
      ...(query instanceof z.ZodObject ? { query } : {}),
    },
    ...(body === undefined ? {} : { requestBody: { content: { 'application/json': { schema: body } } } }),
    responses: {
      '200': { description: 'Done', content: { 'application/json': { schema: response } } },
      ...Object.fromEntries(
        problems.map((status) => [
          String(status),
          {
            description: STATUS_CODES[status] ?? '',
            content: { 'application/problem+json': { schema: Problem } },
          },
        ]),
      ),
    },
  };
}
