/** A reader of pprof's profiles (profile.proto of github.com/google/pprof): as much of them as a flame graph needs. */

export type Frame = { readonly name: string; readonly file: string; readonly line: number };

export type Sample = {
  /** The innermost first. */
  readonly stack: readonly Frame[];
  /** One for each of the profile's types. */
  readonly values: readonly number[];
  /** `main`, `worker-0`; empty when the file does not say. */
  readonly thread: string;
};

export type Profile = {
  readonly types: readonly { readonly type: string; readonly unit: string }[];
  readonly samples: readonly Sample[];
  /** Nanoseconds; 0 for a state at one time. */
  readonly durationNanos: number;
};

/** Takes gzip's off, if it is there. */
export async function unzipped(file: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  const stream = new Blob([file]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @throws RangeError when it is cut off or no profile */
export function readProfile(bytes: Uint8Array): Profile {
  const parts: Parts = { types: [], samples: [], locations: new Map(), functions: new Map(), strings: [], nanos: 0 };
  for (const { number, value, body } of fieldsOf(bytes)) {
    if (number === 1) parts.types.push(body);
    else if (number === 2) parts.samples.push(body);
    else if (number === 4) parts.locations.set(numberIn(body, 1), body);
    else if (number === 5) parts.functions.set(numberIn(body, 1), body);
    else if (number === 6) parts.strings.push(decoder.decode(body));
    else if (number === 10) parts.nanos = value;
  }
  if (parts.types.length === 0) throw new RangeError('this is no profile');
  const text = (index: number): string => parts.strings[index] ?? '';
  const framesOf = frameReader(parts, text);
  return {
    types: parts.types.map((body) => ({ type: text(numberIn(body, 1)), unit: text(numberIn(body, 2)) })),
    samples: parts.samples.map((body) => readSample(body, framesOf, text)),
    durationNanos: parts.nanos,
  };
}

type Parts = {
  readonly types: Uint8Array[];
  readonly samples: Uint8Array[];
  readonly locations: Map<number, Uint8Array>;
  readonly functions: Map<number, Uint8Array>;
  readonly strings: string[];
  nanos: number;
};

const decoder = new TextDecoder();

/** Locations are read once, however many stacks they are in. */
function frameReader({ locations, functions }: Parts, text: (index: number) => string) {
  const known = new Map<number, readonly Frame[]>();
  return (id: number): readonly Frame[] => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const frames: Frame[] = [];
    for (const { number, body } of fieldsOf(locations.get(id) ?? EMPTY)) {
      if (number !== 4) continue;
      const described = functions.get(numberIn(body, 1)) ?? EMPTY;
      const name = text(numberIn(described, 2));
      frames.push({
        name: name === '' ? '(anonymous)' : name,
        file: text(numberIn(described, 4)),
        line: numberIn(body, 2),
      });
    }
    known.set(id, frames);
    return frames;
  };
}

function readSample(
  body: Uint8Array,
  framesOf: (location: number) => readonly Frame[],
  text: (index: number) => string,
): Sample {
  const stack: Frame[] = [];
  const values: number[] = [];
  let thread = '';
  for (const field of fieldsOf(body)) {
    if (field.number === 1) for (const id of repeated(field)) stack.push(...framesOf(id));
    else if (field.number === 2) values.push(...repeated(field));
    else if (field.number === 3 && text(numberIn(field.body, 1)) === 'thread') thread = text(numberIn(field.body, 2));
  }
  return { stack, values, thread };
}

type Field = { readonly number: number; readonly value: number; readonly body: Uint8Array; readonly isPacked: boolean };
const EMPTY = new Uint8Array(0);

/** Protobuf's wire format: varints, and what has a length. Others are skipped. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const cursor = { bytes, at: 0 };
  while (cursor.at < bytes.length) {
    const key = varint(cursor);
    const number = Math.floor(key / 8);
    const wire = key % 8;
    if (wire === 0) yield { number, value: varint(cursor), body: EMPTY, isPacked: false };
    else if (wire === 2) {
      const length = varint(cursor);
      const end = cursor.at + length;
      if (end > bytes.length) throw new RangeError('the profile is cut off');
      yield { number, value: 0, body: bytes.subarray(cursor.at, end), isPacked: true };
      cursor.at = end;
    } else if (wire === 1 || wire === 5) cursor.at += wire === 1 ? 8 : 4;
    else throw new RangeError('this is no profile');
  }
}

/** Exact up to 2^53, which is 104 days in nanoseconds. */
function varint(cursor: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let scale = 1, i = 0; i < 10; i++, scale *= 128) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw new RangeError('the profile is cut off');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw new RangeError('this is no profile');
}

/** Repeated numbers are packed into one field, or a field each. */
function repeated({ value, body, isPacked }: Field): number[] {
  if (!isPacked) return [value];
  const cursor = { bytes: body, at: 0 };
  const values: number[] = [];
  while (cursor.at < body.length) values.push(varint(cursor));
  return values;
}

function numberIn(message: Uint8Array, wanted: number): number {
  for (const { number, value } of fieldsOf(message)) if (number === wanted) return value;
  return 0;
}
