/** Expressions kept compiled: those of a configuration, and of tokens, which may have one each. */
const MAX_KEPT = 1024;
const compiled = new Map<string, RegExp>();

/**
 * Whether a name matches a `~` and regular expression, anywhere unless it is anchored. Compiled once, since it is asked for
 * every name in a list and every request.
 * @throws SyntaxError when it is none, which the schemas exclude
 */
export function matchesPattern(pattern: string, name: string): boolean {
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    expression = new RegExp(pattern.slice(1));
    if (compiled.size >= MAX_KEPT) compiled.delete(compiled.keys().next().value ?? '');
    compiled.set(pattern, expression);
  }
  return expression.test(name);
}
