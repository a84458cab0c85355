import { ShardcastError } from '@shardcast/shared';

const DEFAULT_ITEMS = 100;
const MAX_ITEMS = 1_000;

/** A list in MediaMTX's shape: `itemCount` of all, `pageCount`, the `items` of one page. */
export type Page<T> = { readonly itemCount: number; readonly pageCount: number; readonly items: readonly T[] };

/**
 * Cuts `?page=` (from 0) and `?itemsPerPage=` (1 to 1,000; 100) out of a list.
 * @throws ShardcastError BAD_REQUEST
 */
export function paginate<T>(items: readonly T[], query: Readonly<Record<string, unknown>>): Page<T> {
  const page = count(query['page'], 'page', 0, 0, Number.MAX_SAFE_INTEGER);
  const perPage = count(query['itemsPerPage'], 'itemsPerPage', DEFAULT_ITEMS, 1, MAX_ITEMS);
  return {
    itemCount: items.length,
    pageCount: Math.ceil(items.length / perPage),
    items: items.slice(page * perPage, (page + 1) * perPage),
  };
}

function count(value: unknown, name: string, otherwise: number, min: number, max: number): number {
  if (value === undefined) return otherwise;
  const parsed = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (parsed >= min && parsed <= max) return parsed;
  throw new ShardcastError('BAD_REQUEST', `${name} must be a number from ${min} to ${max}`);
}
