import type { Frame, Profile } from './pprof.ts';

/** A function as called from where it was called. Values are in the unit of the profile's type. */
export type FlameNode = {
  readonly name: string;
  readonly file: string;
  readonly parent: FlameNode | undefined;
  readonly depth: number;
  /** With what it called. */
  total: number;
  /** Itself. */
  self: number;
  /** Of the profile that this one is compared with, as a share of that one's whole; NaN where none is compared. */
  before: number;
  readonly children: FlameNode[];
};

type Draft = FlameNode & { readonly index: Map<string, Draft> };

/** One tree of all stacks. Stacks of several threads are apart from each other. */
export function flameTree(profile: Profile, type: number): FlameNode {
  const root = node('all', '', undefined);
  const isThreaded = new Set(profile.samples.map(({ thread }) => thread)).size > 1;
  for (const { stack, values, thread } of profile.samples) {
    const value = values[type] ?? 0;
    if (value <= 0) continue;
    let at = root;
    at.total += value;
    if (isThreaded) {
      at = childOf(at, { name: thread, file: '', line: 0 });
      at.total += value;
    }
    for (let i = stack.length - 1; i >= 0; i--) {
      const frame = stack[i];
      if (frame === undefined) continue;
      at = childOf(at, frame);
      at.total += value;
    }
    at.self += value;
  }
  ordered(root);
  return root;
}

/** Notes in `tree` what each function had in `before`, by its way of being called. What is only there is not shown. */
export function compareWith(tree: FlameNode, before: FlameNode): void {
  const whole = before.total === 0 ? 1 : before.total;
  const note = (now: FlameNode, then: FlameNode | undefined): void => {
    now.before = (then?.total ?? 0) / whole;
    for (const child of now.children)
      note(
        child,
        then?.children.find(({ name, file }) => name === child.name && file === child.file),
      );
  };
  note(tree, before);
}

/** By how much of the whole it has grown since `before`: 0.1 is a tenth of the whole more. */
export function growth(of: FlameNode, root: FlameNode): number {
  return of.total / (root.total || 1) - of.before;
}

export type TopFunction = {
  readonly name: string;
  readonly file: string;
  readonly self: number;
  readonly total: number;
};

/** Functions wherever they are called from, those that cost most themselves first. Recursion is counted once. */
export function topFunctions(root: FlameNode): TopFunction[] {
  const found = new Map<string, { name: string; file: string; self: number; total: number }>();
  const walk = (of: FlameNode, above: ReadonlySet<string>): void => {
    const key = `${of.name}\n${of.file}`;
    let entry = found.get(key);
    if (entry === undefined) {
      entry = { name: of.name, file: of.file, self: 0, total: 0 };
      found.set(key, entry);
    }
    entry.self += of.self;
    if (!above.has(key)) entry.total += of.total;
    const below = new Set(above).add(key);
    for (const child of of.children) walk(child, below);
  };
  for (const child of root.children) walk(child, new Set());
  return [...found.values()].sort((a, b) => b.self - a.self);
}

/** Where a node is drawn: 0 to 1 across, and its row. */
export type Box = { readonly node: FlameNode; readonly left: number; readonly width: number; readonly row: number };

/**
 * What is drawn when `zoomed` fills the whole width: its callers above it, and below what it called.
 * @param least boxes that are narrower are left out, with what they called
 */
export function boxesOf(zoomed: FlameNode, least: number): Box[] {
  const boxes: Box[] = [];
  for (let above = zoomed.parent; above !== undefined; above = above.parent)
    boxes.push({ node: above, left: 0, width: 1, row: above.depth });
  const place = (of: FlameNode, left: number, width: number): void => {
    if (width < least) return;
    boxes.push({ node: of, left, width, row: of.depth });
    let next = left;
    for (const child of of.children) {
      const share = of.total === 0 ? 0 : (child.total / of.total) * width;
      place(child, next, share);
      next += share;
    }
  };
  place(zoomed, 0, 1);
  return boxes;
}

function node(name: string, file: string, parent: FlameNode | undefined): Draft {
  const depth = parent === undefined ? 0 : parent.depth + 1;
  return { name, file, parent, depth, total: 0, self: 0, before: Number.NaN, children: [], index: new Map() };
}

function childOf(parent: Draft, { name, file }: Frame): Draft {
  const key = `${name}\n${file}`;
  const known = parent.index.get(key);
  if (known !== undefined) return known;
  const made = node(name, file, parent);
  parent.index.set(key, made);
  parent.children.push(made);
  return made;
}

/** By name, so that two captures look alike. */
function ordered(of: FlameNode): void {
  of.children.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const child of of.children) ordered(child);
}
