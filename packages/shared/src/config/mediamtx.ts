import { configKeys } from './keys.ts';

/** Older or other names for what we have. */
const TOP_RENAMES: Readonly<Record<string, string>> = {
  webrtcAllowOrigin: 'webrtcAllowOrigins',
  protocols: 'rtspTransports',
};
const PATH_RENAMES: Readonly<Record<string, string>> = { sourceProtocol: 'rtspTransport' };

/** Keys that restrict who may do what. Ignoring one opens something that its owner believes closed. */
const PROTECTION =
  /^(?:auth|publish(?:User|Pass|IPs)|read(?:User|Pass|IPs)|webrtcEncryption|rtspEncryption|encryption)/;

type Ignored = { readonly key: string; readonly value: unknown };

export type Translation = {
  readonly settings: Record<string, unknown>;
  readonly warnings: readonly string[];
};

/**
 * What we understand of a MediaMTX file. Every key that is left out is named in a warning, and keys that protect
 * something in a warning of their own.
 */
export function translateMediaMtx(input: Readonly<Record<string, unknown>>): Translation {
  const keys = configKeys();
  const ignored: Ignored[] = [];
  const warnings: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const [given, value] of Object.entries(input)) {
    const key = TOP_RENAMES[given] ?? given;
    const info = keys.get(key);
    if (info === undefined) ignored.push({ key: given, value });
    else if (info.entries !== undefined) {
      settings[key] = isRecord(value)
        ? Object.fromEntries(
            Object.entries(value).map(([name, entry]) => [name, pathEntry(entry, `${given}.${name}`, ignored)]),
          )
        : value;
    } else if (key === 'pathDefaults') settings[key] = pathEntry(value, given, ignored) ?? {};
    else if (key === 'rtspTransports') settings[key] = withoutMulticast(value, warnings);
    else settings[key] = value;
  }
  const protecting = ignored.filter(isProtecting);
  const others = ignored.filter((each) => !protecting.includes(each));
  const names = (list: readonly Ignored[]) => list.map(({ key }) => key).join(', ');
  if (protecting.length > 0)
    warnings.push(`NOT PROTECTED: this version ignores access and encryption settings: ${names(protecting)}`);
  if (others.length > 0) warnings.push(`ignored, not supported: ${names(others)}`);
  return { settings, warnings };
}

/** Left empty, or off, it protects nothing where it comes from either. */
function isProtecting({ key, value }: Ignored): boolean {
  const isSaid = value !== null && value !== '' && value !== false && value !== 'no';
  return isSaid && PROTECTION.test(key.split('.').at(-1) ?? key);
}

function pathEntry(entry: unknown, at: string, ignored: Ignored[]): unknown {
  if (!isRecord(entry)) return entry;
  const known = configKeys().get('pathDefaults')?.children;
  const kept: Record<string, unknown> = {};
  for (const [given, value] of Object.entries(entry)) {
    const key = PATH_RENAMES[given] ?? given;
    if (known?.has(key) === true) kept[key] = value;
    else ignored.push({ key: `${at}.${given}`, value });
  }
  return kept;
}

function withoutMulticast(value: unknown, warnings: string[]): unknown {
  const items = typeof value === 'string' ? value.split(',').map((item) => item.trim()) : value;
  if (!Array.isArray(items) || !items.includes('multicast')) return value;
  warnings.push('ignored, not supported: rtspTransports multicast');
  return items.filter((item) => item !== 'multicast');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
