import { HISTOGRAM_BUCKETS, type HistogramName, type Telemetry, type WorkerField } from '@shardcast/shared';
import type { Metric, Registry } from 'prom-client';
import type { ShardView } from '../paths/media.ts';

/** One sample. `name` only where it differs from the metric's (histograms). */
type Sample = {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
};
export type MetricType = 'counter' | 'gauge' | 'histogram';

/**
 * Adds a metric whose samples are read when scraped. prom-client's own classes keep values; ours are in shared memory
 * already, so this is a plain object in the shape that the registry serialises.
 */
export function addMetric(
  registry: Registry,
  type: MetricType,
  name: string,
  help: string,
  read: () => Iterable<Sample>,
): void {
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    async get() {
      return { name, help, type, values: [...read()], aggregator: 'sum' };
    },
    reset() {},
  };
  // Metric is a union of prom-client's classes, with private parts that its registry never uses.
  registry.registerMetric(metric as unknown as Metric);
}

type Shards = () => readonly ShardView[];

/** One sample a worker. */
export function addWorkerMetric(
  registry: Registry,
  shards: Shards,
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (shard: ShardView) => number,
): void {
  addMetric(registry, type, name, help, () =>
    shards().map((shard) => ({ labels: { worker: shard.worker }, value: read(shard) })),
  );
}

/** One sample a worker and field, told apart by a label. */
export function addWorkerFields(
  registry: Registry,
  shards: Shards,
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  label: string,
  fields: Readonly<Record<string, WorkerField>>,
): void {
  addMetric(registry, type, name, help, () =>
    shards().flatMap(({ worker, telemetry }) =>
      Object.entries(fields).map(([value, field]) => ({
        labels: { worker, [label]: value },
        value: telemetry.worker(field),
      })),
    ),
  );
}

/** A worker's histogram, cumulative as Prometheus wants it. */
export function addWorkerHistogram(
  registry: Registry,
  shards: Shards,
  name: string,
  help: string,
  histogram: HistogramName,
): void {
  addMetric(registry, 'histogram', name, help, () =>
    shards().flatMap(({ worker, telemetry }) => histogramSamples(name, worker, telemetry, histogram)),
  );
}

function histogramSamples(name: string, worker: number, telemetry: Telemetry, histogram: HistogramName): Sample[] {
  const { counts, sum } = telemetry.histogram(histogram);
  const bounds: readonly (number | string)[] = [...HISTOGRAM_BUCKETS[histogram], '+Inf'];
  let total = 0;
  const samples: Sample[] = bounds.map((le, index) => {
    total += counts[index] ?? 0;
    return { metricName: `${name}_bucket`, labels: { le, worker }, value: total };
  });
  samples.push({ metricName: `${name}_sum`, labels: { worker }, value: sum });
  samples.push({ metricName: `${name}_count`, labels: { worker }, value: total });
  return samples;
}
