export { type ByteConnection, plainAddress } from './byte-connection.ts';
export { NetConnection } from './net-connection.ts';
export { portConnection } from './port-connection.ts';
export { adoptRtspPublisher, type RtspPublisherHandle, type RtspPublisherOptions } from './publisher.ts';
export { type RtspPullOptions, RtspPullSource, type RtspPullState } from './pull-source.ts';
export { type Schedule, systemSchedule } from './schedule.ts';
export { UdpPairs } from './udp-pairs.ts';
