import { HISTOGRAM_BUCKETS, type HistogramName, type WorkerField } from '@shardcast/shared';
import type { ShardView } from '../paths/media.ts';
import { type Exposition, labelText } from './exposition.ts';

type Shards = () => readonly ShardView[];

/** One sample a worker. */
export function addWorkerMetric(
  exposition: Exposition,
  shards: Shards,
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (shard: ShardView) => number,
): void {
  exposition.add(type, name, help, (write) => {
    for (const shard of shards()) write(labelText({ worker: shard.worker }), read(shard));
  });
}

/** One sample a worker and field, told apart by a label. */
export function addWorkerFields(
  exposition: Exposition,
  shards: Shards,
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  label: string,
  fields: Readonly<Record<string, WorkerField>>,
): void {
  exposition.add(type, name, help, (write) => {
    for (const { worker, telemetry } of shards())
      for (const [value, field] of Object.entries(fields))
        write(labelText({ worker, [label]: value }), telemetry.worker(field));
  });
}

/** A worker's histogram, cumulative as Prometheus wants it. */
export function addWorkerHistogram(
  exposition: Exposition,
  shards: Shards,
  name: string,
  help: string,
  histogram: HistogramName,
): void {
  const bounds: readonly (number | string)[] = [...HISTOGRAM_BUCKETS[histogram], '+Inf'];
  exposition.add('histogram', name, help, (write) => {
    for (const { worker, telemetry } of shards()) {
      const { counts, sum } = telemetry.histogram(histogram);
      let total = 0;
      bounds.forEach((le, index) => {
        total += counts[index] ?? 0;
        write(labelText({ le, worker }), total, '_bucket');
      });
      write(labelText({ worker }), sum, '_sum');
      write(labelText({ worker }), total, '_count');
    }
  });
}
