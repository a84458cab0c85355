import { RE2JS } from 're2js';

/** Expressions kept compiled: those of a configuration, and of tokens, which may have one each. */
const MAX_KEPT = 1024;
const compiled = new Map<string, RE2JS>();

/**
 * Whether a name matches a `~` and regular expression, anywhere unless it is anchored. The expressions are RE2's, as
 * MediaMTX has them: no lookaround, no back-references, and time linear in the name whatever the expression, so that
 * nobody who asks for a name can keep the thread busy. Compiled once, since it is asked for every name in a list and every
 * request.
 * @throws RE2JSException when it is none, which the schemas exclude
 */
export function matchesPattern(pattern: string, name: string): boolean {
  return expressionOf(pattern).test(name);
}

/** What the groups of a pattern matched in a name, the whole match first; none when it does not match. */
export function patternGroups(pattern: string, name: string): string[] {
  const matcher = expressionOf(pattern).matcher(name);
  if (!matcher.find()) return [];
  return Array.from({ length: matcher.groupCount() + 1 }, (_, index) => matcher.group(index) ?? '');
}

/** Why a `~` and regular expression is none, in words; undefined when it is one. */
export function patternFault(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern.slice(1));
    return undefined;
  } catch (error) {
    return `is not a regular expression${error instanceof Error ? ` (${error.message})` : ''}`;
  }
}

function expressionOf(pattern: string): RE2JS {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    expression = RE2JS.compile(pattern.slice(1));
    if (compiled.size >= MAX_KEPT) compiled.delete(compiled.keys().next().value ?? '');
    compiled.set(pattern, expression);
  }
  return expression;
}
