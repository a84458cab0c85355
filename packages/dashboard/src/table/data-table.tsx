import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { type Direction, type SortKey, sorted, windowOf } from './table-model.ts';

export const ROW_HEIGHT = 40;

export type Column<Row> = {
  readonly id: string;
  readonly title: string;
  /** Of the column, as CSS takes it. */
  readonly width: string;
  readonly isNumber?: boolean;
  /** 2 is hidden on narrow screens, 3 sooner. */
  readonly priority?: 2 | 3;
  readonly sort?: SortKey<Row>;
  readonly cell: (row: Row) => ComponentChildren;
};

type DataTableProps<Row> = {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly columns: readonly Column<Row>[];
  readonly sortBy: string;
  readonly direction: Direction;
  readonly onSort: (column: string, direction: Direction) => void;
  /** What stands in place of rows when there are none. */
  readonly empty: ComponentChildren;
  readonly onPoint?: (row: Row | undefined, element: HTMLElement | undefined) => void;
};

/** A table that draws only the rows in view, so that 5,000 are as quick as 50. All rows have one height. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, rows, keyOf, columns, sortBy, direction, onSort, empty, onPoint } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const view = useSignal({ top: 0, height: 800 });
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = (): void => {
      const { top, height } = view.peek();
      if (top === element.scrollTop && height === element.clientHeight) return;
      view.value = { top: element.scrollTop, height: element.clientHeight };
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    measure();
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, [view]);

  const key = columns.find(({ id }) => id === sortBy)?.sort;
  const ordered = useMemo(() => (key === undefined ? rows : sorted(rows, key, direction)), [rows, key, direction]);
  const { first, end, before, after } = windowOf(ordered.length, ROW_HEIGHT, view.value.top, view.value.height);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
    <section class="table-wrap" ref={scroller} tabIndex={0} aria-label={`${label}, ${rows.length} rows`}>
      <table class="data fixed" aria-rowcount={ordered.length + 1} aria-label={label}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <HeadCell key={column.id} {...{ column, sortBy, direction, onSort }} />
            ))}
          </tr>
        </thead>
        <tbody onPointerLeave={() => onPoint?.(undefined, undefined)}>
          <Spacer height={before} />
          {ordered.slice(first, end).map((row, index) => (
            <tr
              key={keyOf(row)}
              class="row"
              aria-rowindex={first + index + 2}
              onPointerEnter={({ currentTarget }) => onPoint?.(row, currentTarget)}
              onFocusIn={({ currentTarget }) => onPoint?.(row, currentTarget)}
              onFocusOut={() => onPoint?.(undefined, undefined)}
            >
              {columns.map((column) => (
                <td key={column.id} class={`cell-clip ${classOf(column)}`}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          <Spacer height={after} />
        </tbody>
      </table>
      {rows.length === 0 && empty}
    </section>
  );
}

/** Stands for the rows that are not drawn. */
function Spacer({ height }: { readonly height: number }) {
  return height === 0 ? null : (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus
    <tr class="spacer" aria-hidden="true">
      <td style={{ height: `${height}px` }} />
    </tr>
  );
}

type HeadCellProps<Row> = Pick<DataTableProps<Row>, 'sortBy' | 'direction' | 'onSort'> & {
  readonly column: Column<Row>;
};

function HeadCell<Row>({ column, sortBy, direction, onSort }: HeadCellProps<Row>) {
  const { id, title, width, sort, isNumber } = column;
  if (sort === undefined)
    return (
      <th scope="col" class={classOf(column)} style={{ width }}>
        {title}
      </th>
    );
  const isActive = id === sortBy;
  const opposite = direction === 'ascending' ? 'descending' : 'ascending';
  // Of figures one wants the largest first.
  const next = isActive ? opposite : isNumber ? 'descending' : 'ascending';
  return (
    <th scope="col" class={classOf(column)} style={{ width }} aria-sort={isActive ? direction : 'none'}>
      <button type="button" class="sort" data-active={isActive} onClick={() => onSort(id, next)}>
        {title}
        <span class="arrow" aria-hidden="true">
          {isActive ? (direction === 'ascending' ? '▲' : '▼') : ''}
        </span>
      </button>
    </th>
  );
}

function classOf<Row>({ isNumber, priority }: Column<Row>): string {
  return `${isNumber ? 'number' : ''} ${priority === undefined ? '' : `p${priority}`}`;
}
