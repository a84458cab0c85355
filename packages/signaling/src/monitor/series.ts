/** What is measured of the process once a second. CPU in cores, memory in bytes, bit rates a second, ratios 0 to 1. */
export const OVERVIEW_SERIES = [
  'cpuCores',
  'cpuRatio',
  'rssBytes',
  'heapBytes',
  'activeResources',
  'eventLoopLagSeconds',
  'fileDescriptors',
  'paths',
  'streams',
  'viewers',
  'sessions',
  'inboundBitrate',
  'outboundBitrate',
  'outboundPackets',
  'lossRatio',
] as const;
export type OverviewSeries = (typeof OVERVIEW_SERIES)[number];
/** NaN is not known. */
export type Overview = Readonly<Record<OverviewSeries, number>>;

/** What is kept of a stream. */
export const STREAM_SERIES = ['inboundBitrate', 'outboundBitrate', 'lossRatio', 'viewers', 'cpuCores'] as const;
export type StreamSeries = (typeof STREAM_SERIES)[number];
