import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boxesOf, compareWith, type FlameNode, flameTree, growth, topFunctions } from './flame-tree.ts';
import type { Profile } from './pprof.ts';

/** Stacks are written from the outside in, as `main;read;parse`. */
function profile(stacks: Readonly<Record<string, number>>, thread = ''): Profile {
  return {
    types: [{ type: 'samples', unit: 'count' }],
    durationNanos: 0,
    samples: Object.entries(stacks).map(([stack, value]) => ({
      stack: stack
        .split(';')
        .reverse()
        .map((name) => ({ name, file: 'a.ts', line: 1 })),
      values: [value],
      thread,
    })),
  };
}

function find(root: FlameNode, ...names: string[]): FlameNode {
  return names.reduce((at, name) => {
    const child = at.children.find((each) => each.name === name);
    if (child === undefined) throw new Error(`no ${name}`);
    return child;
  }, root);
}

test('a function holds what it and its callees took, by its way of being called', () => {
  const root = flameTree(profile({ 'main;read;parse': 3, 'main;read': 1, 'main;write;parse': 2 }), 0);
  expect(root.total).toBe(6);
  expect(find(root, 'main', 'read')).toMatchObject({ total: 4, self: 1 });
  expect(find(root, 'main', 'write', 'parse').total).toBe(2);
  expect(topFunctions(root)[0]).toMatchObject({ name: 'parse', self: 5, total: 5 });
});

test('recursion is counted once', () => {
  const root = flameTree(profile({ 'walk;walk;walk': 4, walk: 1 }), 0);
  expect(topFunctions(root)).toEqual([{ name: 'walk', file: 'a.ts', self: 5, total: 5 }]);
});

test('threads stand apart when there are several', () => {
  const both: Profile = {
    ...profile({}),
    samples: [...profile({ tick: 1 }, 'main').samples, ...profile({ tick: 3 }, 'worker-0').samples],
  };
  const root = flameTree(both, 0);
  expect(find(root, 'worker-0', 'tick').total).toBe(3);
});

test('a comparison is of shares, so that captures of different length can be compared', () => {
  const before = flameTree(profile({ 'main;a': 10, 'main;b': 10 }), 0);
  const after = flameTree(profile({ 'main;a': 300, 'main;c': 100 }), 0);
  compareWith(after, before);
  expect(growth(find(after, 'main', 'a'), after)).toBeCloseTo(0.25);
  expect(growth(find(after, 'main', 'c'), after)).toBeCloseTo(0.25);
  expect(growth(find(after, 'main'), after)).toBeCloseTo(0);
});

test('boxes lie within their callers and beside each other', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const stack = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join(';'));
  fc.assert(
    fc.property(fc.dictionary(stack, fc.integer({ min: 1, max: 99 }), { minKeys: 1 }), (stacks) => {
      const root = flameTree(profile(stacks), 0);
      const boxes = boxesOf(root, 0);
      const placed = new Map(boxes.map((box) => [box.node, box]));
      for (const { node, left, width, row } of boxes) {
        expect(row).toBe(node.depth);
        let next = left;
        for (const child of node.children) {
          const box = placed.get(child);
          expect(box?.left).toBeCloseTo(next, 9);
          next += box?.width ?? Number.NaN;
        }
        expect(next).toBeLessThanOrEqual(left + width + 1e-9);
      }
    }),
  );
});

test('zoomed in, callers fill the width above', () => {
  const root = flameTree(profile({ 'main;a;x': 1, 'main;b': 9 }), 0);
  const boxes = boxesOf(find(root, 'main', 'a'), 0);
  expect(boxes.map(({ node, width, row }) => [node.name, width, row])).toEqual([
    ['main', 1, 1],
    ['all', 1, 0],
    ['a', 1, 2],
    ['x', 1, 3],
  ]);
});
