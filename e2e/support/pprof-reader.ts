import { gunzipSync } from 'node:zlib';

/** A profile as read by a second implementation of the format: profile.proto of github.com/google/pprof. */
export type ReadProfile = {
  readonly types: readonly string[];
  readonly samples: readonly {
    /** Function names, the innermost first. */
    readonly stack: readonly string[];
    readonly values: readonly number[];
    readonly labels: Readonly<Record<string, string>>;
  }[];
  readonly functions: readonly { readonly name: string; readonly file: string }[];
  readonly comments: readonly string[];
};

type Field = { readonly number: number; readonly value: number; readonly bytes: Buffer };

/** Protobuf's wire format, as far as pprof uses it: varints and length-delimited fields. @throws RangeError when it is cut off */
function fields(message: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const [number, kind] = [Math.floor(key / 8), key % 8];
    if (kind === 0) found.push({ number, value: varint(), bytes: Buffer.alloc(0) });
    else if (kind === 2) {
      const length = varint();
      if (at + length > message.length) throw new RangeError('the message is cut off');
      found.push({ number, value: Number.NaN, bytes: message.subarray(at, at + length) });
      at += length;
    } else throw new RangeError(`wire type ${kind}`);
  }
  return found;
}

/** Numbers of a repeated field, packed or not. */
function numbers(from: readonly Field[], number: number): number[] {
  return from
    .filter((field) => field.number === number)
    .flatMap(({ value, bytes }) => (Number.isNaN(value) ? fields(framed(bytes)).map((each) => each.value) : [value]));
}

/** Packed varints as a message of varint fields 1. */
function framed(packed: Buffer): Buffer {
  const parts: Buffer[] = [];
  let begin = 0;
  for (let at = 0; at < packed.length; at++) {
    if (packed.readUInt8(at) >= 0x80) continue;
    parts.push(Buffer.from([8]), packed.subarray(begin, at + 1));
    begin = at + 1;
  }
  return Buffer.concat(parts);
}

export function readProfile(file: Buffer): ReadProfile {
  const profile = fields(file[0] === 0x1f ? gunzipSync(file) : file);
  const all = (number: number) => profile.filter((field) => field.number === number).map(({ bytes }) => fields(bytes));
  const one = (message: readonly Field[], number: number) =>
    message.find((field) => field.number === number)?.value ?? 0;
  const strings = profile.filter(({ number }) => number === 6).map(({ bytes }) => bytes.toString('utf8'));
  const text = (index: number) => strings[index] ?? `string ${index} is missing`;
  const functions = new Map(
    all(5).map((each) => [one(each, 1), { name: text(one(each, 2)), file: text(one(each, 4)) }] as const),
  );
  const places = new Map(
    all(4).map((each) => {
      const lines = each.filter(({ number }) => number === 4).map(({ bytes }) => one(fields(bytes), 1));
      return [one(each, 1), lines.map((id) => functions.get(id)?.name ?? `function ${id} is missing`)] as const;
    }),
  );
  return {
    types: all(1).map((each) => `${text(one(each, 1))}/${text(one(each, 2))}`),
    functions: [...functions.values()],
    comments: numbers(profile, 13).map(text),
    samples: all(2).map((each) => ({
      stack: numbers(each, 1).flatMap((id) => places.get(id) ?? [`location ${id} is missing`]),
      values: numbers(each, 2),
      labels: Object.fromEntries(
        each
          .filter(({ number }) => number === 3)
          .map(({ bytes }) => fields(bytes))
          .map((label) => [text(one(label, 1)), text(one(label, 2))]),
      ),
    })),
  };
}
