import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { colourOf, colours } from '../ui/theme.ts';

export type ChartColour = '--chart-1' | '--chart-2' | '--chart-3' | '--chart-4';

export type ChartSeries = {
  readonly label: string;
  readonly colour: ChartColour;
  readonly values: readonly (number | null)[];
};

export type ChartProps = {
  readonly title: string;
  /** Unix seconds. */
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly format: (value: number | null) => string;
  /** Of the scale when everything is smaller. */
  readonly atLeast?: number;
  /** A line that values had better not cross. */
  readonly limit?: { readonly value: number; readonly label: string } | undefined;
  readonly isBytes?: boolean;
};

/** Charts with one cursor. */
const TOGETHER = uPlot.sync('dashboard');
const BINARY = 1024;

/** Lines over time. What they say now, or under the cursor, stands beside the title. */
export function Chart(props: ChartProps) {
  const { title, series, format } = props;
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const pointed = useSignal<number | null>(null);
  const look = colours.value;
  const shape = series.map(({ label, colour }) => label + colour).join();

  useEffect(() => {
    const holder = element.current;
    if (holder === null) return;
    const made = new uPlot(
      optionsOf(
        holder,
        () => latest.current,
        (index) => {
          pointed.value = index;
        },
      ),
      dataOf(latest.current),
      holder,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize(sizeOf(holder)));
    observer.observe(holder);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [look, shape]);

  useEffect(() => {
    plot.current?.setData(dataOf(props));
  }, [props.times, props.series, props.limit?.value]);

  const at = (values: readonly (number | null)[]): number | null =>
    pointed.value === null ? lastKnown(values) : (values[pointed.value] ?? null);
  return (
    <figure class="card" aria-label={title}>
      <figcaption class="card-head">
        <h2>{title}</h2>
        <div class="legend">
          {series.map(({ label, colour, values }) => (
            <span key={label}>
              <i style={{ color: `var(${colour})` }} aria-hidden="true" />
              {label} <b>{format(at(values))}</b>
            </span>
          ))}
        </div>
      </figcaption>
      <div class="chart" ref={element} role="img" aria-label={spoken(props)} />
    </figure>
  );
}

function spoken({ title, series, format, limit }: ChartProps): string {
  const lines = series.map(({ label, values }) => {
    const known = values.filter((value): value is number => value !== null);
    if (known.length === 0) return `${label} not known`;
    const [low, high] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
    return `${label} ${format(lastKnown(values))}, between ${format(low)} and ${format(high)}`;
  });
  return `${title}: ${lines.join('; ')}${limit === undefined ? '' : `; ${limit.label}`}`;
}

function lastKnown(values: readonly (number | null)[]): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

function dataOf({ times, series }: ChartProps): uPlot.AlignedData {
  // uPlot writes to none of them.
  return [times as number[], ...series.map(({ values }) => values as (number | null)[])];
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: Math.max(80, element.clientWidth), height: element.clientHeight };
}

function optionsOf(
  holder: HTMLElement,
  props: () => ChartProps,
  onPoint: (index: number | null) => void,
): uPlot.Options {
  const muted = colourOf(holder, '--muted');
  const grid = { stroke: colourOf(holder, '--grid'), width: 1 };
  const limitColour = colourOf(holder, '--bad');
  const font = '11px system-ui, sans-serif';
  const axis = { stroke: muted, grid, ticks: { show: false }, font };
  const top = (max: number | null): number => {
    const { atLeast = 0, limit } = props();
    return Math.max((max ?? 0) * 1.08, atLeast, (limit?.value ?? 0) * 1.12) || 1;
  };
  return {
    ...sizeOf(holder),
    legend: { show: false },
    cursor: {
      sync: { key: TOGETHER.key, setSeries: false },
      y: false,
      points: { size: 7 },
      drag: { x: false, y: false },
    },
    scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, top(max)] } },
    axes: [
      { ...axis, size: 26, space: 70, values: clockLabels },
      {
        ...axis,
        size: 82,
        space: 34,
        gap: 6,
        splits: (_plot, _axis, _min, max) => ticks(max, props().isBytes === true),
        values: (_plot, splits) => splits.map((value) => props().format(value)),
      },
    ],
    series: [
      {},
      ...props().series.map(({ label, colour }, index) => {
        const stroke = colourOf(holder, colour);
        return {
          label,
          stroke,
          width: 1.6,
          points: { show: false },
          ...(index === 0 ? { fill: stroke.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.09)') } : {}),
        };
      }),
    ],
    hooks: {
      setCursor: [({ cursor: { idx } }) => onPoint(idx ?? null)],
      draw: [(plot) => drawLimit(plot, props().limit, limitColour)],
    },
  };
}

/** Three or four round values from 0. */
function ticks(max: number, isBytes: boolean): number[] {
  const rough = max / 3.5;
  const base = isBytes ? 2 ** Math.floor(Math.log2(rough)) : 10 ** Math.floor(Math.log10(rough));
  const step = isBytes
    ? base * (rough / base > 1.5 && base % BINARY !== 0 ? 2 : 1)
    : base * ([1, 2, 2.5, 5, 10].find((factor) => factor >= rough / base) ?? 10);
  const values: number[] = [];
  for (let value = 0; value <= max; value += step) values.push(value);
  return values;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const withSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

function clockLabels(_plot: uPlot, splits: number[], _axis: number, _space: number, step: number): string[] {
  const format = step < 60 ? withSeconds : clock;
  return splits.map((time) => format.format(time * 1000));
}

function drawLimit(plot: uPlot, limit: ChartProps['limit'], colour: string): void {
  if (limit === undefined) return;
  const y = Math.round(plot.valToPos(limit.value, 'y', true)) + 0.5;
  const { left, top, width } = plot.bbox;
  if (y < top) return;
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(left + width, y);
  ctx.stroke();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'bottom';
  ctx.fillText(limit.label, left + width - 4, y - 3);
  ctx.restore();
}
