import type { Counts } from './stream-meter.ts';

/** What a thread's viewers have in common. */
export type ViewerSettings = {
  /** Header of requests to the server; a URL's user information is taken without it. */
  readonly authorization: string | undefined;
  /** Bound by viewers, `0.0.0.0` or `::`. */
  readonly bindAddress: string;
  /** Offered. */
  readonly localAddress: string;
  /** Offers audio too. */
  readonly hasAudio: boolean;
  /** The streams are our own cameras': their packets say when they were sent. */
  readonly hasMarks: boolean;
  /** From the offer to keys, ms. */
  readonly timeoutMs: number;
};

/** How long what took, from the moment of the offer, ms; undefined for what has not been. */
export type JoinTimes = {
  readonly answerMs: number;
  readonly connectedMs: number;
  readonly firstPacketMs: number | undefined;
  /** Of video, or of audio where there is no video. */
  readonly firstKeyframeMs: number | undefined;
};

/** A viewer that measures what it gets. */
export interface Viewer {
  readonly number: number;
  readonly counts: Readonly<Counts>;
  readonly joinTimes: JoinTimes;
  /** Since the last packet, ms; infinite when there was none. */
  readonly silentMs: number;
  /** The worst of its streams, ms. */
  readonly jitterMs: number;
  /** Names of the codecs that came, each once. */
  readonly codecs: readonly string[];
  /** A measured window begins. */
  mark(): void;
  /** Some time went by: says that it is there, and asks for a keyframe where one is missing. */
  report(): void;
  /** Ends the session on the server, if there is one. Idempotent. */
  leave(): Promise<void>;
}
