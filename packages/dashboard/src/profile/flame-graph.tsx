import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { percent } from '../format.ts';
import { colourOf, colours } from '../ui/theme.ts';
import { type Box, boxesOf, type FlameNode, growth } from './flame-tree.ts';
import { ORIGINS, originOf } from './origin.ts';

const ROW = 21;
/** Narrower boxes are not to be seen. */
const LEAST_PX = 0.6;
const LEAST_TEXT_PX = 34;
/** A change by so much of the whole has the full colour. */
const FULL_GROWTH = 0.1;

type FlameGraphProps = {
  readonly root: FlameNode;
  readonly isComparison: boolean;
  readonly search: string;
  readonly format: (value: number) => string;
};

type View = { readonly zoomed: FlameNode; readonly selected: FlameNode };

/**
 * A flame graph from the top down. By the keyboard: arrows go to the caller, the callees and their neighbours, Enter
 * zooms, Escape zooms out again.
 */
export function FlameGraph({ root, isComparison, search, format }: FlameGraphProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const holder = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  const view = useSignal<View>({ zoomed: root, selected: root });
  const pointed = useSignal<FlameNode | undefined>(undefined);
  const { zoomed, selected } = within(view.value, root);
  const look = colours.value;

  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      width.value = element.clientWidth;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [width]);

  const boxes = useMemo(
    () => (width.value === 0 ? [] : boxesOf(zoomed, LEAST_PX / width.value)),
    [zoomed, width.value, root],
  );
  const rows = boxes.reduce((most, { row }) => Math.max(most, row), 0) + 1;

  useEffect(() => {
    if (canvas.current === null || width.value === 0) return;
    draw(canvas.current, boxes, {
      root,
      selected,
      search: search.toLowerCase(),
      isComparison,
      width: width.value,
      rows,
    });
  }, [boxes, selected, search, isComparison, look]);

  const at = ({ offsetX, offsetY }: MouseEvent): FlameNode | undefined => {
    const row = Math.floor(offsetY / ROW);
    const x = offsetX / width.value;
    return boxes.find((box) => box.row === row && x >= box.left && x < box.left + box.width)?.node;
  };
  const choose = (next: FlameNode | undefined, isZoom: boolean): void => {
    if (next !== undefined) view.value = { zoomed: isZoom ? next : zoomed, selected: next };
  };
  const shown = pointed.value ?? selected;
  return (
    <div class="flame">
      <p class="flame-info" role="status" aria-live="polite">
        <strong>{shown.name}</strong> {format(shown.total)}, {percent(shown.total / (root.total || 1))} of all; itself{' '}
        {format(shown.self)}
        {isComparison && shown !== root && `; ${change(growth(shown, root))}`}
        {shown.file !== '' && <span class="muted"> {shown.file}</span>}
      </p>
      <div class="flame-scroll" ref={holder}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="img"
          aria-label={`Flame graph of ${boxes.length} functions. Arrow keys move, Enter zooms, Escape zooms out. The functions are in the table below, too.`}
          data-frames={boxes.length}
          onPointerMove={(event) => {
            pointed.value = at(event);
          }}
          onPointerLeave={() => {
            pointed.value = undefined;
          }}
          onClick={(event) => choose(at(event), true)}
          onKeyDown={(event) => {
            const next = moved(event.key, { zoomed, selected }, root);
            if (next === undefined) return;
            event.preventDefault();
            pointed.value = undefined;
            view.value = next;
          }}
        />
      </div>
      <div class="legend">
        {isComparison ? (
          <>
            <Key colour="--flame-more" text="more than before" />
            <Key colour="--flame-less" text="less than before" />
          </>
        ) : (
          ORIGINS.map(([origin, text]) => <Key key={origin} colour={`--flame-${origin}`} text={text} />)
        )}
      </div>
    </div>
  );
}

function Key({ colour, text }: { readonly colour: string; readonly text: string }) {
  return (
    <span>
      <i class="block" style={{ color: `var(${colour})` }} aria-hidden="true" />
      {text}
    </span>
  );
}

function change(by: number): string {
  if (Math.abs(by) < 0.0005) return 'as before';
  return `${percent(Math.abs(by))} of all ${by > 0 ? 'more' : 'less'} than before`;
}

/** Another capture was chosen: nodes of the one before mean nothing. */
function within(view: View, root: FlameNode): View {
  return rootOf(view.zoomed) === root ? view : { zoomed: root, selected: root };
}

function rootOf(node: FlameNode): FlameNode {
  let at = node;
  while (at.parent !== undefined) at = at.parent;
  return at;
}

/** Where a key leads. */
function moved(key: string, { zoomed, selected }: View, root: FlameNode): View | undefined {
  const siblings = selected.parent?.children ?? [selected];
  const index = siblings.indexOf(selected);
  const go = (next: FlameNode | undefined): View => ({ zoomed, selected: next ?? selected });
  switch (key) {
    case 'ArrowUp':
      return go(selected.parent);
    case 'ArrowDown':
      return go(largest(selected.children));
    case 'ArrowLeft':
      return go(siblings[index - 1]);
    case 'ArrowRight':
      return go(siblings[index + 1]);
    case 'Home':
      return go(root);
    case 'Enter':
      return { zoomed: selected, selected };
    case 'Escape':
      return { zoomed: root, selected };
    default:
      return undefined;
  }
}

function largest(nodes: readonly FlameNode[]): FlameNode | undefined {
  return nodes.reduce<FlameNode | undefined>(
    (best, node) => (best === undefined || node.total > best.total ? node : best),
    undefined,
  );
}

type Drawing = {
  readonly root: FlameNode;
  readonly selected: FlameNode;
  /** In lower case. */
  readonly search: string;
  readonly isComparison: boolean;
  readonly width: number;
  readonly rows: number;
};

function draw(canvas: HTMLCanvasElement, boxes: readonly Box[], drawing: Drawing): void {
  const { root, selected, search, isComparison, width, rows } = drawing;
  const ratio = window.devicePixelRatio;
  const height = rows * ROW;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  const parent = canvas.parentElement;
  if (context === null || parent === null) return;
  const colour = (name: `--${string}`): string => colourOf(parent, name);
  const fills = new Map(ORIGINS.map(([origin]) => [origin, colour(`--flame-${origin}`)]));
  const [text, more, less, same, found, focus] = [
    colour('--flame-text'),
    colour('--flame-more'),
    colour('--flame-less'),
    colour('--flame-same'),
    colour('--flame-found'),
    colour('--focus'),
  ];
  context.scale(ratio, ratio);
  context.font = '11.5px system-ui, sans-serif';
  context.textBaseline = 'middle';
  for (const { node, left, width: share, row } of boxes) {
    const [x, y, w] = [left * width, row * ROW, share * width];
    const isFound = search !== '' && node.name.toLowerCase().includes(search);
    context.globalAlpha = search !== '' && !isFound ? 0.35 : 1;
    if (isComparison && node !== root) {
      const by = growth(node, root);
      fill(context, same, x, y, w);
      context.globalAlpha *= Math.min(1, Math.abs(by) / FULL_GROWTH);
      fill(context, by > 0 ? more : less, x, y, w);
      context.globalAlpha = 1;
    } else fill(context, isFound ? found : isNoFunction(node) ? same : (fills.get(originOf(node)) ?? same), x, y, w);
    if (w >= LEAST_TEXT_PX) {
      context.fillStyle = text;
      context.fillText(fitted(context, node.name, w - 10), x + 5, y + ROW / 2);
    }
    context.globalAlpha = 1;
    if (node === selected) {
      context.strokeStyle = focus;
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + 1, Math.max(1, w - 3), ROW - 3);
    }
  }
}

/** The whole, and a thread: no function. */
function isNoFunction({ depth, name, file }: FlameNode): boolean {
  return depth === 0 || (depth === 1 && file === '' && /^(?:main|worker-\d+)$/.test(name));
}

function fill(context: CanvasRenderingContext2D, colour: string, x: number, y: number, width: number): void {
  context.fillStyle = colour;
  context.fillRect(x, y, Math.max(0.5, width - 1), ROW - 1);
}

/** As much of a name as there is room for; its end says more than its beginning. */
function fitted(context: CanvasRenderingContext2D, name: string, width: number): string {
  if (context.measureText(name).width <= width) return name;
  const short = name.slice(name.lastIndexOf('/') + 1);
  if (context.measureText(short).width <= width) return short;
  const keep = Math.floor((short.length * width) / context.measureText(short).width) - 2;
  return keep > 0 ? `${short.slice(0, keep)}…` : '';
}
