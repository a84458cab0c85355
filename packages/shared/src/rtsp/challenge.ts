/** One challenge or one set of credentials (RFC 7235 §2.1). Scheme and parameter names are lower case. */
export type AuthFields = {
  readonly scheme: string;
  /** What follows the scheme where that is not a list of parameters: the base64 of Basic. */
  readonly token: string;
  readonly parameters: ReadonlyMap<string, string>;
};

const MAX_CHALLENGES = 8;
const MAX_PARAMETERS = 32;
// One item of a list: an optional scheme, then name=value (quoted or not), or a bare token.
const ITEM =
  /[\s,]*(?:([A-Za-z][A-Za-z0-9-]*)[ \t]+)?(?:([A-Za-z][A-Za-z0-9_*-]*)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=][^\s,"]*))(?=[\s,]|$)|([A-Za-z0-9._~+/-]+=*))/y;

/**
 * Reads WWW-Authenticate or Authorization. One header may hold several challenges, and servers differ in where they put
 * commas. What cannot be read ends the list; what came before it counts.
 */
export function parseAuthHeader(header: string): AuthFields[] {
  const found: { scheme: string; token: string; parameters: Map<string, string> }[] = [];
  ITEM.lastIndex = 0;
  for (let count = 0; count < MAX_CHALLENGES * MAX_PARAMETERS; count++) {
    const match = ITEM.exec(header);
    if (match === null) break;
    const [, scheme, name, quoted, plain, token] = match;
    let current = found.at(-1);
    if (scheme !== undefined) {
      if (found.length === MAX_CHALLENGES) break;
      current = { scheme: scheme.toLowerCase(), token: '', parameters: new Map() };
      found.push(current);
    }
    if (name !== undefined) {
      const value = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1');
      if (current === undefined || current.parameters.has(name.toLowerCase())) continue;
      current.parameters.set(name.toLowerCase(), value ?? '');
    } else if (scheme !== undefined && current !== undefined) {
      current.token = token ?? '';
    } else if (token !== undefined) {
      if (found.length === MAX_CHALLENGES) break;
      // A scheme alone, such as `Negotiate`.
      found.push({ scheme: token.toLowerCase(), token: '', parameters: new Map() });
    }
  }
  return found;
}

/** `text` as a quoted-string (RFC 7230 §3.2.6). */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
