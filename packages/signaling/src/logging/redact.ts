/** Removes secrets from what goes to logs. Rather too much than too little. */

const MASK = '***';

/** Names of fields whose whole value is secret, in any spelling of case, `-` and `_`. */
const SECRET_FIELD =
  /^(?:password|passwd|pass|secret|token|accesstoken|jwt|apikey|authorization|proxyauthorization|cookie|setcookie|credential|credentials|pwd|icepwd|keypem|privatekey|sdp|offer|answer|fingerprint)$/;

/** Fields with a client's address: shown at debug, masked above. */
const ADDRESS_FIELD = /^(?:remote|remoteaddr|remoteaddress|clientaddress|clientip|peeraddress)$/;

/** A session's secret: its beginning is enough to follow it through the log. */
const SHOWN_OF_SESSION = 8;

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  // scheme://user:password@host; a password may hold any character but white space, even @ and /. Bounded, so that
  // hostile text costs linear time.
  [/\b([a-z][a-z0-9+.-]{0,15}:\/\/)[^\s/@"'<>]{0,128}:[^\s"'<>]{0,512}@/gi, `$1${MASK}@`],
  [/\b([a-z][a-z0-9+.-]{0,15}:\/\/)[^\s/@"'<>]{1,512}@/gi, `$1${MASK}@`],
  [/((?:proxy-)?authorization\s*[:=]\s*)[^\r\n]+/gi, `$1${MASK}`],
  // Without the header's name: a token has capitals, digits or padding, which tells it from "basic checks".
  [/\b([Bb]earer|[Bb]asic)\s+(?=[\w+/.~-]*[A-Z0-9=])[\w+/.~-]{6,}=*/g, `$1 ${MASK}`],
  [/\b([Dd]igest)\s+(?=\w+=)[^\r\n]*/g, `$1 ${MASK}`],
  [/\b((?:set-)?cookie\s*:\s*)[^\r\n]+/gi, `$1${MASK}`],
  [/(a=ice-pwd:)[^\s\\]+/gi, `$1${MASK}`],
  [/(a=fingerprint:\S+\s+)[0-9a-f:]+/gi, `$1${MASK}`],
  [/\b(?:[0-9a-f]{2}:){15,}[0-9a-f]{2}\b/gi, MASK],
  // Query parameters and key=value pairs.
  [
    /\b((?:access_?)?token|jwt|pass(?:word|wd)?|pwd|secret|api_?key|user|signature|sig)=([^\s&"'<>;,]+)/gi,
    `$1=${MASK}`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, MASK],
  // A JSON Web Token anywhere.
  [/\beyJ[\w-]{8,4096}\.[\w-]{1,4096}\.[\w-]*/g, MASK],
  // WHIP and WHEP session URLs: the last part is the key to the session.
  [/(\/wh[ei]p\/)[\w-]{16,}/g, `$1${MASK}`],
];

/** `text` without credentials in URLs, authorisation headers, ICE passwords, fingerprints, tokens and keys. */
export function redact(text: string): string {
  let result = text;
  for (const [pattern, replacement] of PATTERNS) result = result.replace(pattern, replacement);
  return result;
}

const MAX_DEPTH = 8;

/**
 * A copy of JSON data with every string redacted and secret fields masked.
 * @param showAddresses keep client addresses (below `info`)
 */
export function redactFields(value: unknown, showAddresses: boolean, depth = 0): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return MASK;
  if (Array.isArray(value)) return value.map((item) => redactFields(item, showAddresses, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const name = key.toLowerCase().replaceAll(/[-_]/g, '');
      if (SECRET_FIELD.test(name) || (!showAddresses && ADDRESS_FIELD.test(name))) return [key, MASK];
      if (name === 'session' && typeof item === 'string' && item.length > SHOWN_OF_SESSION)
        return [key, `${item.slice(0, SHOWN_OF_SESSION)}…`];
      return [key, redactFields(item, showAddresses, depth + 1)];
    }),
  );
}
