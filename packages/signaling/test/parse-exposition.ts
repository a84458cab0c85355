export type ParsedSample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};
export type ParsedFamily = { type: string; help: string; readonly samples: ParsedSample[] };

/**
 * Prometheus's text format 0.0.4 as its documentation describes it, character by character.
 * @throws SyntaxError with the line that is not in it
 */
export function parseExposition(text: string): Map<string, ParsedFamily> {
  const families = new Map<string, ParsedFamily>();
  const family = (name: string): ParsedFamily => {
    const known = families.get(name) ?? { type: 'untyped', help: '', samples: [] };
    families.set(name, known);
    return known;
  };
  if (!text.endsWith('\n')) throw new SyntaxError('the last line has no end');
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = '', rest = ''] = comment;
      const at = family(name);
      if (kind === 'HELP') at.help = rest;
      else if (at.samples.length > 0) throw new SyntaxError(`type after samples: ${line}`);
      else if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new SyntaxError(line);
      else at.type = rest;
      continue;
    }
    if (line.startsWith('#')) continue;
    const sample = parseSample(line);
    const base = sample.name.replace(/_(?:bucket|sum|count)$/, '');
    family(
      families.get(base)?.type === 'histogram' || families.get(base)?.type === 'summary' ? base : sample.name,
    ).samples.push(sample);
  }
  return families;
}

function parseSample(line: string): ParsedSample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
  if (name === undefined) throw new SyntaxError(line);
  let at = name.length;
  const labels: Record<string, string> = {};
  if (line[at] === '{') {
    at++;
    while (line[at] !== '}') {
      const key = /^[a-zA-Z_][a-zA-Z0-9_]*(?==")/.exec(line.slice(at))?.[0];
      if (key === undefined) throw new SyntaxError(line);
      at += key.length + 2;
      let value = '';
      for (; line[at] !== '"'; at++) {
        if (line[at] === undefined) throw new SyntaxError(line);
        if (line[at] !== '\\') value += line[at];
        else {
          const escaped = { '\\': '\\', '"': '"', n: '\n' }[line[++at] ?? ''];
          if (escaped === undefined) throw new SyntaxError(line);
          value += escaped;
        }
      }
      labels[key] = value;
      at++;
      if (line[at] === ',') at++;
      else if (line[at] !== '}') throw new SyntaxError(line);
    }
    at++;
  }
  const number = /^ ([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]Inf|NaN)(?: -?\d+)?$/i.exec(line.slice(at))?.[1];
  if (number === undefined) throw new SyntaxError(line);
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) };
}
