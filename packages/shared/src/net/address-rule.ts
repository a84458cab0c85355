import { type BlockList, isIPv4, isIPv6 } from 'node:net';
import { isInNetworks, networkList } from './networks.ts';

/**
 * Where nobody's camera or hook is, and what a stranger's URL would be meant for: this host under no name, groups, and
 * the places where clouds tell their machines secrets.
 */
const NEVER_MEANT = networkList([
  '0.0.0.0/8',
  '169.254.0.0/16', // link-local, and the metadata of most clouds
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  '224.0.0.0/4',
  '255.255.255.255',
  '::',
  'fe80::/10',
  'fd00:ec2::/32',
  'ff00::/8',
]);

/** Which addresses may be connected to. Asked about an address that was resolved, at the moment of connecting to it. */
export class AddressRule {
  readonly #allowed: BlockList | undefined;

  /** @param networks as `networkList` takes them; empty for everywhere but where nobody means to go */
  constructor(networks: readonly string[]) {
    this.#allowed = networks.length === 0 ? undefined : networkList(networks);
  }

  /** @param address an IP literal; anything else is not allowed */
  allows(address: string): boolean {
    const embedded = embeddedIPv4(address);
    if (this.#allowed === undefined) {
      if (!isIPv4(address) && !isIPv6(address)) return false;
      return !isInNetworks(NEVER_MEANT, address) && (embedded === undefined || !isInNetworks(NEVER_MEANT, embedded));
    }
    if (isMapped(address)) return embedded !== undefined && isInNetworks(this.#allowed, embedded);
    return isInNetworks(this.#allowed, address);
  }
}

/** ::ffff:0:0/96 is IPv4 in other letters; the others lead to an IPv4 address by way of a translator or tunnel. */
function embeddedIPv4(address: string): string | undefined {
  const words = wordsOf(address);
  if (words === undefined) return undefined;
  const [a = 0, b = 0, c = 0] = words;
  const low = [words[6] ?? 0, words[7] ?? 0] as const;
  const isZero = (from: number, to: number) => words.slice(from, to).every((word) => word === 0);
  if (isZero(0, 5) && (words[5] === 0xffff || (words[5] === 0 && (low[0] !== 0 || low[1] > 1)))) return dotted(...low);
  if (isZero(0, 4) && words[4] === 0xffff && words[5] === 0) return dotted(...low); // RFC 2765
  if (a === 0x64 && b === 0xff9b) return dotted(...low); // NAT64, RFC 6052 and RFC 8215
  if (a === 0x2002) return dotted(b, c); // 6to4, RFC 3056
  if (a === 0x2001 && b === 0) return dotted(low[0] ^ 0xffff, low[1] ^ 0xffff); // Teredo, RFC 4380
  return undefined;
}

function isMapped(address: string): boolean {
  const words = wordsOf(address);
  return words !== undefined && words[5] === 0xffff && words.slice(0, 5).every((word) => word === 0);
}

/** The eight words of an IPv6 address, without its zone; undefined for anything else. */
function wordsOf(address: string): number[] | undefined {
  if (!isIPv6(address)) return undefined;
  const [plain = ''] = address.split('%');
  const v4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const [, head = '', p = '', q = '', r = '', s = ''] = v4 ?? [];
  const hex = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16);
  const text = v4 === null ? plain : `${head}${hex(p, q)}:${hex(r, s)}`;
  const [left = '', right] = text.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const before = words(left);
  const after = right === undefined ? [] : words(right);
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}
