import { z } from 'zod';

const MAX_ITEMS = 1_000;

/** What every list takes, as MediaMTX has it. */
export const PageQuery = z.object({
  page: number(0, Number.MAX_SAFE_INTEGER).default(0).describe('From 0.'),
  itemsPerPage: number(1, MAX_ITEMS).default(100),
});

/** A list in MediaMTX's shape: `itemCount` of all, `pageCount`, the `items` of one page. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ itemCount: z.int(), pageCount: z.int(), items: z.array(item) });
}

/** Cuts one page out of a list. */
export function paginate<T>(
  items: readonly T[],
  { page, itemsPerPage }: z.infer<typeof PageQuery>,
): { itemCount: number; pageCount: number; items: T[] } {
  return {
    itemCount: items.length,
    pageCount: Math.ceil(items.length / itemsPerPage),
    items: items.slice(page * itemsPerPage, (page + 1) * itemsPerPage),
  };
}

function number(min: number, max: number) {
  const message = `must be a number from ${min} to ${max}`;
  return z
    .string({ error: message })
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
    .meta({ override: { type: 'integer', pattern: undefined, minimum: min, maximum: max } });
}
