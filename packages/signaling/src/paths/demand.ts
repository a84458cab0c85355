import type { PathState } from './stream-registry.ts';

/** Who waited in vain is to hear why before it is forgotten. */
const TELL_MS = 1000;

/** Whether a source is to be open: always, unless it is on demand. */
export function isWanted({ rule, wantedUntilMs }: PathState, nowMs: number): boolean {
  return rule.onDemand === undefined || nowMs < wantedUntilMs;
}

/** Somebody asks for it, and waits for its start. */
export function ask(state: PathState, nowMs: number): void {
  wantUntil(state, nowMs + (state.rule.onDemand?.startTimeoutMs ?? 0) + TELL_MS);
}

/** Somebody watches it; to be said about once a second. */
export function watched(state: PathState, nowMs: number): void {
  wantUntil(state, nowMs + (state.rule.onDemand?.closeAfterMs ?? 0));
}

function wantUntil(state: PathState, untilMs: number): void {
  state.wantedUntilMs = Math.max(state.wantedUntilMs, untilMs);
}
