import {
  Label,
  Line,
  Location,
  Profile,
  Function as ProfileFunction,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format';

/** Where a function is, as V8 says it: 1-based, 0 when not known. */
export type Place = { readonly name: string; readonly file: string; readonly line: number; readonly column: number };
/** A function as people know it. */
export type Naming = (place: Place) => { readonly name: string; readonly file: string; readonly line: number };

/** What a value of a sample is: its name and unit. */
export type ValueKind = readonly [type: string, unit: string];
export const CPU_KINDS: readonly ValueKind[] = [
  ['samples', 'count'],
  ['cpu', 'nanoseconds'],
];
export const HEAP_KINDS: readonly ValueKind[] = [['inuse_space', 'bytes']];

/** A thread's profile, not compressed. */
export type ThreadProfile = { readonly thread: string; readonly profile: Uint8Array };

/**
 * One profile of several threads': every sample gets a label `thread`, functions and places that they share are there once.
 * @param kinds of the values, in their order, whatever the engine calls them
 * @param startedAtMs Unix ms
 * @param comments lines that `go tool pprof -comments` prints
 * @returns protobuf, not compressed
 */
export function mergeProfiles(
  parts: readonly ThreadProfile[],
  kinds: readonly ValueKind[],
  startedAtMs: number,
  nameOf: Naming,
  comments: readonly string[] = [],
): Uint8Array {
  const merger = new Merger(kinds, nameOf);
  for (const { thread, profile } of parts) merger.add(thread, Profile.decode(profile));
  return merger.encode(startedAtMs, comments);
}

class Merger {
  readonly #nameOf: Naming;
  readonly #strings = new StringTable();
  readonly #functions = new Map<string, ProfileFunction>();
  readonly #locations = new Map<string, Location>();
  readonly #samples: Sample[] = [];
  readonly #types: ValueType[];
  #period = 0;
  #durationNanos = 0;

  constructor(kinds: readonly ValueKind[], nameOf: Naming) {
    this.#nameOf = nameOf;
    this.#types = kinds.map(
      ([type, unit]) => new ValueType({ type: this.#strings.dedup(type), unit: this.#strings.dedup(unit) }),
    );
  }

  add(thread: string, from: Profile): void {
    const text = (index: number | bigint) => from.stringTable.strings[Number(index)] ?? '';
    this.#period = Number(from.period);
    this.#durationNanos = Math.max(this.#durationNanos, Number(from.durationNanos));

    const functions = new Map(from.function.map((each) => [Number(each.id), each]));
    const places = new Map(
      from.location.map((location) => [
        Number(location.id),
        location.line.map((line) => {
          const of = functions.get(Number(line.functionId));
          return this.#line({
            name: text(of?.name ?? 0),
            file: text(of?.filename ?? 0),
            line: Number(line.line),
            column: Number(line.column),
          });
        }),
      ]),
    );
    const label = new Label({ key: this.#strings.dedup('thread'), str: this.#strings.dedup(thread) });
    for (const { locationId, value } of from.sample) {
      const stack = locationId.map((id) => this.#location(places.get(Number(id)) ?? []));
      this.#samples.push(new Sample({ locationId: stack, value: value.map(Number), label: [label] }));
    }
  }

  encode(startedAtMs: number, comments: readonly string[]): Uint8Array {
    const periodType = this.#types.at(-1);
    const comment = comments.map((line) => this.#strings.dedup(line));
    return new Profile({
      sampleType: this.#types,
      sample: this.#samples,
      comment,
      location: [...this.#locations.values()],
      function: [...this.#functions.values()],
      stringTable: this.#strings,
      timeNanos: BigInt(Math.round(startedAtMs)) * 1_000_000n,
      durationNanos: this.#durationNanos,
      ...(periodType === undefined ? {} : { periodType }),
      period: this.#period,
    }).encode();
  }

  #line(place: Place): Line {
    const { name, file, line } = this.#nameOf(place);
    const key = `${name}\n${file}`;
    let known = this.#functions.get(key);
    if (known === undefined) {
      known = new ProfileFunction({
        id: this.#functions.size + 1,
        name: this.#strings.dedup(name),
        systemName: this.#strings.dedup(place.name),
        filename: this.#strings.dedup(file),
        startLine: line,
      });
      this.#functions.set(key, known);
    }
    return new Line({ functionId: known.id, line });
  }

  #location(lines: readonly Line[]): number {
    const key = lines.map(({ functionId, line }) => `${functionId}:${line}`).join(',');
    let known = this.#locations.get(key);
    if (known === undefined) {
      known = new Location({ id: this.#locations.size + 1, line: [...lines] });
      this.#locations.set(key, known);
    }
    return Number(known.id);
  }
}
