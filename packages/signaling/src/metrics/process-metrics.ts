import type { Alarms } from '../alarms/alarms.ts';
import type { Capacity } from '../capacity/capacity.ts';
import type { Observer } from '../monitor/observer.ts';
import type { OverviewSeries } from '../monitor/series.ts';
import { type Exposition, labelText } from './exposition.ts';

/** What the observer says of the process: as old as a second. */
const GAUGES: Readonly<Partial<Record<OverviewSeries, readonly [name: string, help: string]>>> = {
  cpuRatio: ['cpu_ratio', 'CPU of all threads over the last second, of what the process may use, 0 to 1.'],
  rssBytes: ['resident_memory_bytes', 'Resident memory.'],
  heapBytes: ['heap_bytes', 'JavaScript heap in use, all threads.'],
  activeResources: ['active_resources', 'Handles, requests and timers that are open, all threads.'],
  fileDescriptors: ['open_fds', 'Open file descriptors, at most ten seconds ago.'],
};

export type ProcessMetricsOptions = {
  readonly observer: Observer;
  readonly alarms: Pick<Alarms, 'count'>;
  readonly capacity: Pick<Capacity, 'forecast'>;
};

/** `shardcast_process_…`, alarms and the forecast. */
export function addProcessMetrics(exposition: Exposition, { observer, alarms, capacity }: ProcessMetricsOptions): void {
  exposition.add('counter', 'shardcast_process_cpu_seconds_total', 'User and system time of all threads.', (write) => {
    const { user, system } = process.cpuUsage();
    write('', (user + system) / 1e6);
  });
  for (const [series, [name, help]] of Object.entries(GAUGES)) {
    exposition.add('gauge', `shardcast_process_${name}`, help, (write) => {
      const value = observer.overview[series as OverviewSeries]; // the keys are some of its names
      if (Number.isFinite(value)) write('', value);
    });
  }
  const { limits } = observer;
  const limit = (name: string, help: string, value: number | undefined) =>
    exposition.add('gauge', `shardcast_process_${name}`, help, (write) => {
      if (value !== undefined) write('', value);
    });
  limit('cpu_limit_cores', 'Processors that the process may use, by affinity and cgroup.', limits.cores);
  limit('memory_limit_bytes', 'Memory that the process may use, by machine and cgroup.', limits.memoryBytes);
  limit('max_fds', 'File descriptors that the process may open.', limits.fileDescriptors);
  exposition.add('gauge', 'shardcast_alarms', 'Alarms that the server raises itself, by state.', (write) => {
    for (const state of ['pending', 'firing'] as const) write(labelText({ state }), alarms.count(state));
  });
  exposition.add('gauge', 'shardcast_capacity_streams', 'How many more streams of the present mix fit.', (write) =>
    write('', capacity.forecast().room.streams),
  );
  exposition.add('gauge', 'shardcast_capacity_viewers', 'How many more viewers fit.', (write) =>
    write('', capacity.forecast().room.viewers),
  );
}
