export type { ByteConnection } from './byte-connection.ts';
export { Connections } from './connections.ts';
export { nativePairSockets } from './pair-socket.ts';
export { adoptRtspPublisher, type RtspPublisherHandle, type RtspPublisherOptions } from './publisher.ts';
export { type RtspPullOptions, RtspPullSource, type RtspPullState } from './pull-source.ts';
export { type Schedule, systemSchedule } from './schedule.ts';
export { UdpPairs } from './udp-pairs.ts';
