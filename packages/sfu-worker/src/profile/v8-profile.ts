import type { HeapProfiler, Profiler } from 'node:inspector';
import { Line, Location, Profile, Function as ProfileFunction, Sample, StringTable, ValueType } from 'pprof-format';

/** What V8 reports beside functions and is no work of ours. */
const NOT_WORK = new Set(['(root)', '(idle)']);

type CallFrame = {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
};

/** Puts a pprof profile together: each function and place once. Names and URLs are V8's; whoever reads it may map them. */
class Builder {
  readonly strings = new StringTable();
  readonly samples: Sample[] = [];
  readonly #functions: ProfileFunction[] = [];
  readonly #locations: Location[] = [];
  readonly #known = new Map<string, number>();

  /** @returns the id of its location */
  location({ functionName, url, lineNumber, columnNumber }: CallFrame): number {
    const key = `${functionName}\n${url}\n${lineNumber}\n${columnNumber}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#locations.length + 1;
    const name = this.strings.dedup(functionName || '(anonymous)');
    const line = lineNumber + 1; // V8 counts from 0
    this.#functions.push(
      new ProfileFunction({ id, name, systemName: name, filename: this.strings.dedup(url), startLine: line }),
    );
    this.#locations.push(new Location({ id, line: [new Line({ functionId: id, line, column: columnNumber + 1 })] }));
    this.#known.set(key, id);
    return id;
  }

  type(name: string, unit: string): ValueType {
    return new ValueType({ type: this.strings.dedup(name), unit: this.strings.dedup(unit) });
  }

  encode(more: ConstructorParameters<typeof Profile>[0]): Uint8Array {
    return new Profile({
      ...more,
      sample: this.samples,
      location: this.#locations,
      function: this.#functions,
      stringTable: this.strings,
    }).encode();
  }
}

/**
 * A CPU profile of V8's as pprof: samples and CPU nanoseconds. Time in which the thread waited is left out.
 * @returns protobuf, not compressed
 */
export function encodeCpuProfile(profile: Profiler.Profile, intervalMicros: number): Uint8Array {
  const builder = new Builder();
  const counts = new Map<number, number>();
  for (const id of profile.samples ?? []) counts.set(id, (counts.get(id) ?? 0) + 1);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  for (const [leaf, count] of counts) {
    if (NOT_WORK.has(nodes.get(leaf)?.callFrame.functionName ?? '')) continue;
    const stack: number[] = [];
    for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) {
      const frame = nodes.get(id)?.callFrame;
      if (frame !== undefined && frame.functionName !== '(root)') stack.push(builder.location(frame));
    }
    builder.samples.push(new Sample({ locationId: stack, value: [count, count * intervalMicros * 1000] }));
  }
  const cpu = builder.type('cpu', 'nanoseconds');
  return builder.encode({
    sampleType: [builder.type('samples', 'count'), cpu],
    periodType: cpu,
    period: intervalMicros * 1000,
    durationNanos: (profile.endTime - profile.startTime) * 1000,
  });
}

/**
 * A sampling heap profile of V8's as pprof: what is alive of the sampled allocations, scaled to what is alive.
 * @returns protobuf, not compressed
 */
export function encodeHeapProfile(profile: HeapProfiler.SamplingHeapProfile, intervalBytes: number): Uint8Array {
  const builder = new Builder();
  const pending: { node: HeapProfiler.SamplingHeapProfileNode; callers: readonly number[] }[] = [
    { node: profile.head, callers: [] },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, callers } = next;
    const isRoot = node.callFrame.functionName === '(root)';
    const stack = isRoot ? callers : [builder.location(node.callFrame), ...callers];
    if (node.selfSize > 0 && stack.length > 0)
      builder.samples.push(new Sample({ locationId: [...stack], value: [node.selfSize] }));
    for (const child of node.children) pending.push({ node: child, callers: stack });
  }
  const space = builder.type('inuse_space', 'bytes');
  return builder.encode({
    sampleType: [space],
    periodType: space,
    period: intervalBytes,
  });
}
