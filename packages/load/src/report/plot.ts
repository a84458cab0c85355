import { html, type Markup } from './markup.ts';

/** One line of a plot; null where there is no value. */
export type Line = { readonly name: string; readonly values: readonly (number | null)[] };

export type Plot = {
  readonly title: string;
  readonly unit: string;
  /** Seconds, rising; as many as each line has values. */
  readonly atSeconds: readonly number[];
  readonly lines: readonly Line[];
  /** Drawn as a line of its own. */
  readonly limit?: number | null;
};

const WIDTH = 640;
const HEIGHT = 200;
const LEFT = 56;
const RIGHT = 16;
const TOP = 14;
const BOTTOM = 28;
const TICKS = 4;
const MOST_COLUMNS = 8;

/** A line plot as inline SVG with its title and legend; colours come from the page's style. */
export function plot({ title, unit, atSeconds, lines, limit = null }: Plot): Markup {
  const values = lines.flatMap((line) => line.values).filter((value) => value !== null);
  const highest = Math.max(0, ...values);
  // With nothing but zeros the limit gives the scale.
  const top = niceTop(highest > 0 || limit === null ? highest : 2 * limit);
  const from = Math.floor(atSeconds[0] ?? 0);
  const to = Math.max(Math.ceil(atSeconds.at(-1) ?? 0), from + 1);
  const x = (seconds: number) => LEFT + ((seconds - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const rows = Array.from({ length: TICKS + 1 }, (_, i) => (top * i) / TICKS);
  const every = Math.max(1, niceTop((to - from) / MOST_COLUMNS));
  const columns = Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, i) => from + i * every);
  const grid = rows.map(
    (value) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(value))}" y2="${at(y(value))}"/>
<text x="${LEFT - 6}" y="${at(y(value) + 4)}" text-anchor="end">${tick(value)}</text>`,
  );
  const axis = columns.map(
    (seconds) => html`<text x="${at(x(seconds))}" y="${HEIGHT - 8}" text-anchor="middle">${tick(seconds)} s</text>`,
  );
  const bound =
    limit !== null && limit <= top
      ? [html`<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(limit))}" y2="${at(y(limit))}"/>`]
      : [];
  const drawn = lines.map(({ values: own }, i) => {
    const points = own.map((value, j) => (value === null ? null : ([x(atSeconds[j] ?? 0), y(value)] as const)));
    return html`<path class="line l${i}" d="${pathOf(points)}"/>`;
  });
  const legend = lines.map(({ name }, i) => html`<span class="key k${i}"></span>${name} `);
  const summary = values.length === 0 ? 'nothing measured' : `highest ${tick(highest)} ${unit}`;
  return html`<figure><figcaption>${title}, ${unit} <span class="legend">${lines.length > 1 ? legend : []}</span></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title} over time: ${summary}">
${grid}${axis}${bound}${drawn}</svg></figure>
`;
}

/** Gaps where there is no point; a point between two gaps is a dot. */
function pathOf(points: readonly (readonly [x: number, y: number] | null)[]): string {
  let path = '';
  points.forEach((point, i) => {
    if (point === null) return;
    const begins = i === 0 || points[i - 1] === null;
    path += `${begins ? 'M' : 'L'}${at(point[0])} ${at(point[1])}`;
    if (begins && (points[i + 1] ?? null) === null) path += 'h.01';
  });
  return path;
}

/** The least of 1, 2, 4, 5, 10 times a power of ten that is not below `value`; so ticks are round. */
function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 5].find((factor) => factor * power >= value) ?? 10) * power;
}

function at(pixels: number): string {
  return pixels.toFixed(1);
}

function tick(value: number): string {
  return String(Number(value.toPrecision(3)));
}
