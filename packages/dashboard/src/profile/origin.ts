import type { FlameNode } from './flame-tree.ts';

/** Whose code a function is. */
export type Origin = 'own' | 'library' | 'node' | 'native';

export const ORIGINS: readonly (readonly [Origin, string])[] = [
  ['own', 'Shardcast'],
  ['library', 'libraries'],
  ['node', 'Node'],
  ['native', 'native and others'],
];

export function originOf({ name, file }: Pick<FlameNode, 'name' | 'file'>): Origin {
  const where = file === '' ? name : file;
  if (/^(?:signaling|sfu-worker|shared)\//.test(where)) return 'own';
  if (where.startsWith('node:')) return 'node';
  return file === '' ? 'native' : 'library';
}
