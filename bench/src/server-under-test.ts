/** A server that is measured, in a process of its own. */
export type ServerUnderTest = {
  readonly pid: number;
  /** `http://host:port` of WHIP; empty where there is none. */
  readonly web: string;
  /** `http://host:port` of the API, where one was asked for. */
  readonly api?: string;
  /** `rtsp://host:port`; empty where there is none. */
  readonly rtsp: string;
  /** Where a camera sends plain RTP, of servers that take nothing else. */
  readonly plainPort?: (camera: number) => number;
  /** As `introduce` takes it. */
  readonly viewerUrl: (camera: number) => string;
  /** Collects garbage, where the server can, and waits until memory is given back. */
  readonly settle: () => Promise<void>;
  readonly stop: () => Promise<void>;
};
