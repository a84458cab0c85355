import type { ComponentType } from 'preact';
import { AlarmsPage } from './pages/alarms.tsx';
import { CapacityPage } from './pages/capacity.tsx';
import { ComparePage } from './pages/compare.tsx';
import { ConfigurationPage } from './pages/configuration.tsx';
import { LogPage } from './pages/log.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { ProfilerPage } from './pages/profiler.tsx';
import { SessionsPage } from './pages/sessions.tsx';
import { StreamsPage } from './pages/streams.tsx';
import { WorkersPage } from './pages/workers.tsx';
import type { IconName } from './ui/icon.tsx';

type PageEntry = {
  readonly id: string;
  readonly title: string;
  readonly icon: IconName;
  readonly component: ComponentType<{ readonly item: string }>;
};

/** In the order of the navigation. */
export const PAGES: readonly PageEntry[] = [
  { id: 'overview', title: 'Overview', icon: 'overview', component: OverviewPage },
  { id: 'streams', title: 'Streams', icon: 'streams', component: StreamsPage },
  { id: 'sessions', title: 'Sessions', icon: 'sessions', component: SessionsPage },
  { id: 'workers', title: 'Workers', icon: 'workers', component: WorkersPage },
  { id: 'alarms', title: 'Alarms', icon: 'alarms', component: AlarmsPage },
  { id: 'capacity', title: 'Capacity', icon: 'capacity', component: CapacityPage },
  { id: 'configuration', title: 'Configuration', icon: 'configuration', component: ConfigurationPage },
  { id: 'log', title: 'Log', icon: 'log', component: LogPage },
  { id: 'profiler', title: 'Profiler', icon: 'profiler', component: ProfilerPage },
  { id: 'compare', title: 'ASIS / TOBE', icon: 'compare', component: ComparePage },
];

/** What stands together. */
export const GROUPS: readonly (readonly string[])[] = [
  ['overview', 'streams', 'sessions', 'workers'],
  ['alarms', 'capacity'],
  ['configuration', 'log'],
  ['profiler', 'compare'],
];
