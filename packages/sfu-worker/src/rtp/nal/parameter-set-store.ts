import { byteAt } from '../bytes.ts';

/** Real streams have two to five; the oldest gives way. */
const MAX_UNITS = 16;
/** Longer ones are not kept. */
const MAX_PARAMETER_SET_BYTES = 2048;
/** Looked at in one payload: an aggregation packet has room for thousands, and each new one costs a parse and a copy. */
const MAX_UNITS_A_PAYLOAD = 8;
/** New ones taken in a second: an encoder that changes its mind with every keyframe stays below. */
const MAX_NEW_A_SECOND = 16;

type Entry = {
  readonly type: number;
  readonly id: number;
  /** Id of the set of the type below that this one refers to. */
  readonly parent: number;
  readonly nal: Buffer;
};

/**
 * The newest parameter set NAL units of a stream, one a type and id. Owns copies. Sees again and again what it already
 * knows, and allocates only when something is new; bounded in number and size, whatever the source sends.
 */
export class ParameterSetStore {
  /** In the order in which they were learnt. */
  #entries: Entry[] = [];
  #units: readonly Buffer[] | undefined = [];
  #unitsLeft = 0;
  #newLeft = 0;
  #secondBeganMs = Number.NEGATIVE_INFINITY;

  /** By type and id, so that what is referred to comes first. Not to be changed. */
  get units(): readonly Buffer[] {
    this.#units ??= this.#entries.toSorted((a, b) => a.type - b.type || a.id - b.id).map((entry) => entry.nal);
    return this.#units;
  }

  /** The unit of a type learnt last. */
  newest(type: number): Buffer | undefined {
    return this.#entries.findLast((entry) => entry.type === type)?.nal;
  }

  has(type: number): boolean {
    return this.#entries.some((entry) => entry.type === type);
  }

  /** A payload begins: what `wants` lets through is limited for each, and for each second. */
  beginPayload(nowMs: number): void {
    this.#unitsLeft = MAX_UNITS_A_PAYLOAD;
    if (nowMs - this.#secondBeganMs < 1000) return;
    this.#secondBeganMs = nowMs;
    this.#newLeft = MAX_NEW_A_SECOND;
  }

  /** True when a unit is worth parsing: new, not too long, and not one of more than any real stream has. */
  wants(buffer: Buffer, start: number, end: number): boolean {
    if (this.#unitsLeft === 0 || this.#newLeft === 0 || end - start > MAX_PARAMETER_SET_BYTES) return false;
    this.#unitsLeft--;
    for (const { nal } of this.#entries) {
      if (nal.length === end - start && nal.compare(buffer, start, end) === 0) return false;
    }
    this.#newLeft--;
    return true;
  }

  /** Copies a unit in, in place of the one with its type and id. @returns true when there was one. */
  put(type: number, id: number, parent: number, nal: Buffer): boolean {
    const others = this.#entries.filter((entry) => entry.type !== type || entry.id !== id);
    const isReplaced = others.length < this.#entries.length;
    this.#entries = others;
    this.#entries.push({ type, id, parent, nal: Buffer.from(nal) });
    if (this.#entries.length > MAX_UNITS) this.#entries.shift();
    this.#units = undefined;
    return isReplaced;
  }

  /** Drops the units of a type that refer to a set which was replaced: they may not fit the new one. */
  dropChildren(type: number, parent: number): void {
    this.#entries = this.#entries.filter((entry) => entry.type !== type || entry.parent !== parent);
    this.#units = undefined;
  }

  clear(): void {
    this.#entries = [];
    this.#units = [];
  }

  /** Bytes of all units as an aggregation packet has them, each with its 16-bit size. */
  get aggregatedBytes(): number {
    let bytes = 0;
    for (const nal of this.units) bytes += 2 + nal.length;
    return bytes;
  }

  /** Writes all units, each with its size, and returns the offset after. */
  writeAggregated(buffer: Buffer, at: number): number {
    let to = at;
    for (const nal of this.units) {
      to = buffer.writeUInt16BE(nal.length, to);
      to += nal.copy(buffer, to);
    }
    return to;
  }
}

/** Limits on what an SDP may say. */
const MAX_SPROP_CHARACTERS = 32_768;
const MAX_SPROP_UNITS = 32;

/** The NAL units of one fmtp value: base64, separated by commas (RFC 6184 §8.1, RFC 7798 §7.1). Rubbish is left out. */
export function decodeSprop(value: string): Buffer[] {
  if (value.length > MAX_SPROP_CHARACTERS) return [];
  return value
    .split(',', MAX_SPROP_UNITS)
    .map((text) => withoutStartCode(Buffer.from(text.trim(), 'base64')))
    .filter((nal) => nal.length > 1 && nal.length <= MAX_PARAMETER_SET_BYTES);
}

/** A parameter's value in the text of an `a=fmtp`, its name in any case. */
export function fmtpParameter(fmtp: string, name: string): string | undefined {
  for (const part of fmtp.split(';')) {
    const equals = part.indexOf('='); // the first: base64 ends in some more
    if (equals > 0 && part.slice(0, equals).trim().toLowerCase() === name) return part.slice(equals + 1).trim();
  }
  return undefined;
}

/** Some cameras put the Annex B start code into the SDP. */
function withoutStartCode(nal: Buffer): Buffer {
  let zeros = 0;
  while (zeros < nal.length && byteAt(nal, zeros) === 0) zeros++;
  return zeros >= 2 && zeros < nal.length && byteAt(nal, zeros) === 1 ? nal.subarray(zeros + 1) : nal;
}
