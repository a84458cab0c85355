import type { Failure } from '../thread-calls.ts';
import type { Counts } from './stream-meter.ts';
import type { JoinTimes, ViewerSettings } from './viewer.ts';

/** Where a viewer is to go. */
export type Seat = { readonly number: number; readonly url: string };

export type AudienceRequest =
  | { readonly type: 'join'; readonly seats: readonly Seat[]; readonly settings: ViewerSettings }
  | { readonly type: 'sample' }
  | { readonly type: 'mark' }
  | { readonly type: 'results' }
  | { readonly type: 'leave' };

/** What a thread's viewers saw since they joined, and in the last interval. */
export type AudienceSample = {
  readonly counts: Counts;
  /** Of a `Histogram`, since the last sample. */
  readonly delays: Uint32Array;
  /** Mean of the viewers', ms. */
  readonly jitterMs: number;
  readonly viewers: number;
  /** 99th percentile of how late this thread was since the last sample, ms: delays are not better known than that. */
  readonly lagMs: number;
};

/** One viewer's since the last `mark`. */
export type ViewerResult = JoinTimes & {
  readonly number: number;
  readonly counts: Counts;
  /** RTP packets since it joined. */
  readonly sessionPackets: number;
  /** Since its last packet, ms. */
  readonly silentMs: number;
  readonly jitterMs: number;
  readonly codecs: readonly string[];
};

export type JoinFailure = Failure & { readonly number: number };

export type AudienceResults = {
  join: readonly JoinFailure[];
  sample: AudienceSample;
  mark: undefined;
  results: readonly ViewerResult[];
  leave: undefined;
};
