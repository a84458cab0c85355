/** One alternative of a Transport header (RFC 2326 §12.39). */
export type RtspTransport = {
  readonly lower: 'tcp' | 'udp';
  readonly isMulticast: boolean;
  /** RTP and RTCP channel, 0..255. */
  readonly interleaved: readonly [rtp: number, rtcp: number] | undefined;
  readonly clientPort: readonly [rtp: number, rtcp: number] | undefined;
  readonly serverPort: readonly [rtp: number, rtcp: number] | undefined;
  /** Lower case: `play`, `record`; undefined when the header does not say. */
  readonly mode: string | undefined;
};

const MAX_ALTERNATIVES = 16;

/** The alternatives that are plain RTP (RTP/AVP), best first as the peer lists them; others are left out. */
export function parseTransport(header: string): RtspTransport[] {
  const found: RtspTransport[] = [];
  for (const alternative of splitOutsideQuotes(header).slice(0, MAX_ALTERNATIVES)) {
    const [spec = '', ...parameters] = alternative.split(';').map((part) => part.trim());
    const lower = lowerTransport(spec.toUpperCase());
    if (lower === undefined) continue;
    const values = new Map<string, string>();
    for (const parameter of parameters) {
      const equals = parameter.indexOf('=');
      const name = (equals < 0 ? parameter : parameter.slice(0, equals)).toLowerCase();
      const value = equals < 0 ? '' : parameter.slice(equals + 1).replace(/^"(.*)"$/, '$1');
      if (!values.has(name)) values.set(name, value);
    }
    found.push({
      lower,
      isMulticast: values.has('multicast'),
      interleaved: numberPair(values.get('interleaved'), 0, 255),
      clientPort: numberPair(values.get('client_port'), 1, 65535),
      serverPort: numberPair(values.get('server_port'), 1, 65535),
      mode: values.get('mode')?.toLowerCase(),
    });
  }
  return found;
}

function lowerTransport(spec: string): 'tcp' | 'udp' | undefined {
  if (spec === 'RTP/AVP/TCP') return 'tcp';
  return spec === 'RTP/AVP' || spec === 'RTP/AVP/UDP' ? 'udp' : undefined;
}

/** `4-5`, or `4` which means 4 and 5. */
function numberPair(text: string | undefined, min: number, max: number): readonly [number, number] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text ?? '');
  if (match === null) return undefined;
  const first = Number(match[1]);
  const second = match[2] === undefined ? first + 1 : Number(match[2]);
  return first < min || second < min || first > max || second > max || first === second ? undefined : [first, second];
}

function splitOutsideQuotes(text: string): string[] {
  return text.match(/(?:"[^"]*"?|[^,"])+/g) ?? [];
}
