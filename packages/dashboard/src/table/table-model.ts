export type Direction = 'ascending' | 'descending';

/** What a column sorts by; unknown values come last, whichever way. */
export type SortKey<Row> = (row: Row) => string | number | null;

const byLanguage = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Rows in another order; equal ones keep theirs. `cam2` comes before `cam10`. */
export function sorted<Row>(rows: readonly Row[], key: SortKey<Row>, direction: Direction): Row[] {
  const sign = direction === 'ascending' ? 1 : -1;
  return rows
    .map((row) => ({ row, value: key(row) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
      if (typeof a.value === 'string' || typeof b.value === 'string')
        return sign * byLanguage.compare(String(a.value), String(b.value));
      return sign * (a.value - b.value);
    })
    .map(({ row }) => row);
}

/** Rows that have every word of `search` somewhere in their text, in any case. */
export function matching<Row>(rows: readonly Row[], search: string, text: (row: Row) => string): readonly Row[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    const own = text(row).toLowerCase();
    return words.every((word) => own.includes(word));
  });
}

/** What of `count` rows is to be drawn: from `first` up to `end`, with the space that stands for the others. */
export type Window = {
  readonly first: number;
  readonly end: number;
  readonly before: number;
  readonly after: number;
};

/** All in pixels but `count` and `overscan`, which are rows. */
export function windowOf(
  count: number,
  rowHeight: number,
  scrollTop: number,
  viewHeight: number,
  overscan = 8,
): Window {
  const visible = Math.ceil(viewHeight / rowHeight);
  const top = Math.min(Math.max(0, Math.floor(scrollTop / rowHeight)), Math.max(0, count - visible));
  // By steps of the overscan, so that most scrolling draws no row anew.
  const step = Math.max(1, overscan);
  const first = Math.max(0, Math.floor(top / step) * step - overscan);
  const end = Math.min(count, Math.ceil((top + visible) / step) * step + overscan);
  return { first, end, before: first * rowHeight, after: (count - end) * rowHeight };
}
