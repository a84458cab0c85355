/** What the page reads of the API's answers (`/v3/openapi.json` has all of it). */

export type Page<T> = { readonly itemCount: number; readonly pageCount: number; readonly items: readonly T[] };

export type Info = { readonly version: string; readonly started: string };

/** CPU in cores, memory in bytes, bit rates a second, ratios 0 to 1; null is not known. */
export type Overview = {
  readonly time: string;
  readonly uptimeSeconds: number;
  readonly workers: number;
  readonly limits: { readonly cores: number; readonly memoryBytes: number; readonly fileDescriptors: number | null };
  readonly alarms: { readonly pending: number; readonly firing: number };
  readonly cpuCores: number | null;
  readonly cpuRatio: number | null;
  readonly rssBytes: number | null;
  readonly heapBytes: number | null;
  readonly activeResources: number | null;
  readonly eventLoopLagSeconds: number | null;
  readonly fileDescriptors: number | null;
  readonly paths: number | null;
  readonly streams: number | null;
  readonly viewers: number | null;
  readonly sessions: number | null;
  readonly inboundBitrate: number | null;
  readonly outboundBitrate: number | null;
  readonly outboundPackets: number | null;
  readonly lossRatio: number | null;
};

export type History = {
  readonly stepSeconds: number;
  readonly times: readonly number[];
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
};

export type StreamStats = {
  readonly inboundBitrate: number;
  readonly outboundBitrate: number;
  readonly inboundPackets: number;
  readonly outboundPackets: number;
  readonly lossRatio: number;
  readonly inboundLost: number;
  readonly keyframes: number;
  readonly secondsSinceKeyframe: number;
  readonly cpuSeconds: number;
  readonly cpuCores: number;
  readonly cpuCoresPerViewer: number;
  readonly memoryBytes: number;
  readonly memoryBytesPerViewer: number;
  readonly keyframeCacheBytes: number;
};

export type SkippedTrack = { readonly kind: string; readonly codec: string; readonly skipped?: string };

export type Stream = {
  readonly name: string;
  readonly confName: string;
  readonly source: { readonly type: string; readonly id: string } | null;
  readonly online: boolean;
  readonly onlineTime: string | null;
  readonly tracks: readonly string[];
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly readers: readonly { readonly type: string; readonly id: string }[];
  readonly readerCount: number;
  readonly reason: string | null;
  readonly skippedTracks: readonly SkippedTrack[];
  readonly worker: number | null;
  readonly stats: StreamStats | null;
};

export type Session = {
  readonly id: string;
  readonly created: string;
  readonly remoteAddr: string;
  readonly state: 'read' | 'publish';
  readonly path: string;
  readonly peerConnectionEstablished: boolean;
  readonly worker: number;
};

export type Worker = {
  readonly id: number;
  readonly state: 'starting' | 'up' | 'restarting' | 'stopped';
  readonly restarts: number;
  readonly fastPath: string | null;
  readonly dtls: string | null;
  readonly udpPort: number | null;
  readonly sessions: number;
  readonly streams: number;
  readonly cpuSeconds: number;
  readonly cpuCores: number;
  readonly eventLoopUtilization: number;
  readonly eventLoopLagSeconds: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly activeResources: number;
  readonly poolSlots: { readonly free: number; readonly used: number };
  /** So far. */
  readonly rtcpPackets: { readonly received: number; readonly sent: number };
  readonly optimisations: Optimisations | null;
};

export type Optimisations = {
  readonly nack: boolean;
  readonly rtcpInterval: string;
  readonly bufferPool: boolean;
  readonly fastPath: string;
  readonly keyframeCache: boolean;
};

export type Placement = {
  readonly path: string;
  readonly worker: number | null;
  readonly reason: string;
  readonly ageSeconds: number | null;
  readonly bound: number | null;
  readonly candidates: readonly {
    readonly worker: number;
    readonly score: number;
    readonly load: number;
    readonly fits: boolean;
  }[];
  readonly wouldGoTo: number | null;
};

export type ExaminedTrack = {
  readonly kind: string;
  readonly codec: string;
  readonly profile: string | null;
  readonly level: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly framesPerSecond: number | null;
  readonly bitsPerSecond: number | null;
  readonly keyframeIntervalSeconds: number | null;
  readonly framesPerKeyframe: number | null;
  readonly bFrames: boolean | null;
  readonly parameterSets: string | null;
  readonly lostShare: number | null;
  readonly jitterMs: number | null;
  readonly clockDriftPpm: number | null;
  readonly browsers: Readonly<
    Record<
      'chrome' | 'firefox' | 'safari',
      { readonly plays: 'yes' | 'badly' | 'some' | 'no'; readonly why: string | null }
    >
  >;
};

export type Finding = {
  readonly severity: 'problem' | 'warning' | 'hint';
  readonly code: string;
  readonly message: string;
  readonly advice: string;
};

export type Examination = {
  readonly name: string;
  readonly online: boolean;
  readonly tracks: readonly ExaminedTrack[];
  readonly findings: readonly Finding[];
};

export type AlarmUnit = 'ratio' | 'bytes' | 'count' | 'seconds' | 'bit/s';

export type Alarm = {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly severity: 'warning' | 'critical';
  readonly state: 'pending' | 'firing' | 'resolved';
  readonly value: number;
  readonly threshold: number;
  readonly unit: AlarmUnit;
  readonly pendingSince: string;
  readonly firingSince: string | null;
  readonly resolvedAt: string | null;
  readonly summary: string;
  readonly advice: string;
  readonly runbook: string;
};

export type AlarmRule = {
  readonly name: string;
  readonly enabled: boolean;
  readonly comparison: 'above' | 'below';
  readonly threshold: number;
  readonly forSeconds: number;
  readonly unit: AlarmUnit;
  readonly severity: 'warning' | 'critical';
  readonly scope: 'process' | 'worker' | 'path';
  readonly summary: string;
  readonly advice: string;
};

export type CapacityFigures = {
  readonly cpuCores: number;
  readonly cpuRatio: number;
  readonly rssBytes: number;
  readonly fits: boolean;
};

export type Capacity = {
  readonly measuredAt: string;
  readonly mix: {
    readonly streams: number;
    readonly viewers: number;
    readonly viewersPerStream: number;
    readonly inboundBitratePerStream: number;
    readonly outboundBitratePerViewer: number;
  };
  readonly cost: {
    readonly basis: 'measured' | 'typical';
    readonly cpuCoresPerStream: number;
    readonly cpuCoresPerViewer: number;
    readonly cpuCoresIdle: number;
    readonly memoryBytesPerStream: number;
    readonly memoryBytesPerViewer: number;
    readonly fileDescriptorsPerStream: number;
    readonly samples: number;
  };
  readonly limits: readonly {
    readonly resource: string;
    readonly unit: string;
    readonly used: number;
    readonly usable: number | null;
    readonly total: number | null;
    readonly streams: number | null;
    readonly viewers: number | null;
  }[];
  readonly room: {
    readonly streams: number | null;
    readonly viewers: number | null;
    readonly limitedBy: { readonly streams: string | null; readonly viewers: string | null };
  };
  readonly table: readonly {
    readonly streams: number;
    readonly viewers: number;
    readonly asis: CapacityFigures;
    readonly tobe: CapacityFigures;
  }[];
  readonly asis: { readonly cpuRatio: number; readonly memoryRatio: number; readonly source: string };
};

export type ConfigEffects = {
  readonly summary: string;
  readonly paths: readonly { readonly path: string; readonly effect: string; readonly readers: number }[];
  readonly atWorkerStart: readonly string[];
  readonly atServerStart: readonly string[];
};
export type Changed = { readonly status: 'ok'; readonly effects: ConfigEffects };

/** Of `/v3/config/keys`: by key, what it means, in Markdown, and how its value is written. */
export type KeyMeanings = Readonly<Record<string, { readonly description: string; readonly form: string }>>;
export type Settings = Readonly<Record<string, unknown>>;

export type LogPage = {
  readonly last: number;
  readonly items: readonly { readonly id: number; readonly line: string }[];
};
