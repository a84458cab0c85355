import type { PathEffect } from '../config/effects.ts';
import { hasSameSource, type PathRules } from './path-rules.ts';
import type { PathState } from './stream-registry.ts';

/** A stream goes on under other rules as if nothing had happened. */
export function goesOn(state: PathState, rules: PathRules): boolean {
  const rule = rules.resolve(state.name);
  return rule !== undefined && hasSameSource(rule, state.rule);
}

/** What other rules do to the paths that there are, and which they begin. */
export function pathEffects(
  states: readonly PathState[],
  rules: PathRules,
  readersOf: (path: string) => number,
): PathEffect[] {
  const effects: PathEffect[] = [];
  for (const state of states) {
    if (goesOn(state, rules)) continue;
    const effect = rules.resolve(state.name) === undefined ? 'ends' : 'restarts';
    effects.push({ path: state.name, effect, readers: readersOf(state.name) });
  }
  const known = new Set(states.map(({ name }) => name));
  for (const path of rules.configured) if (!known.has(path)) effects.push({ path, effect: 'starts', readers: 0 });
  return effects;
}
