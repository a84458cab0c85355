import { ALARM_RULES, type AlarmName } from './rules.ts';

/** Something that was looked at, good or bad. */
export type Reading = {
  readonly name: AlarmName;
  readonly labels: { readonly worker?: string; readonly path?: string };
  readonly value: number;
  readonly threshold: number;
  /** How long it is to be bad. */
  readonly forMs: number;
  /** Of a state, which is bad or good whatever the numbers beside it say. */
  readonly isBad?: boolean;
  /** More than the rule's own summary says. */
  readonly detail?: string | undefined;
};

export type Alarm = Omit<Reading, 'forMs' | 'isBad'> & {
  readonly id: string;
  readonly state: 'pending' | 'firing' | 'resolved';
  readonly pendingSinceMs: number;
  readonly firingSinceMs: number | undefined;
  readonly resolvedAtMs: number | undefined;
};

type Entry = {
  reading: Reading;
  state: Alarm['state'];
  readonly pendingSinceMs: number;
  firingSinceMs: number | undefined;
  /** Since when it is good again, undefined while it is not. */
  clearSinceMs: number | undefined;
  resolvedAtMs: number | undefined;
  seenAtMs: number;
};

/** A value has to come back over its threshold by a tenth of it, for so long. */
const CLEAR_MARGIN = 0.1;
const CLEAR_FOR_MS = 15_000;
/** What nobody reads any more is over: a path that is gone, a rule that was switched off. A restarting worker is back before. */
const UNSEEN_MS = 15_000;
const KEEP_RESOLVED_MS = 3_600_000;
const MAX_RESOLVED = 1000;

/**
 * The state of every alarm: inactive, pending while its reading is bad, firing once that lasted, resolved once it has been clearly good
 * for a while. Pure: time is an argument.
 */
export class AlarmBook {
  readonly #entries = new Map<string, Entry>();

  /** Takes in what was read now. @returns the alarms that fire or are resolved from here on. */
  update(readings: Iterable<Reading>, nowMs: number): Alarm[] {
    const changed: Alarm[] = [];
    for (const reading of readings) {
      const id = idOf(reading);
      const entry = this.#entries.get(id);
      if (entry === undefined || entry.state === 'resolved') {
        if (!isBad(reading)) continue;
        this.#entries.delete(id); // a resolved one begins anew, at the list's end
        this.#entries.set(id, begin(reading, nowMs));
      } else {
        entry.reading = reading;
        entry.seenAtMs = nowMs;
      }
      const current = this.#entries.get(id);
      if (current !== undefined && this.#advance(id, current, nowMs)) changed.push(shown(id, current));
    }
    for (const [id, entry] of this.#entries) {
      if (entry.state === 'resolved' || nowMs - entry.seenAtMs < UNSEEN_MS) continue;
      if (this.#end(id, entry, nowMs)) changed.push(shown(id, entry));
    }
    this.#forget(nowMs);
    return changed;
  }

  /** The worst first: firing before pending before resolved, critical before warning, the newest first. */
  list(): Alarm[] {
    const states = { firing: 0, pending: 1, resolved: 2 } as const;
    const severity = ({ name }: Alarm) => (ALARM_RULES[name].severity === 'critical' ? 0 : 1);
    return [...this.#entries]
      .map(([id, entry]) => shown(id, entry))
      .sort(
        (a, b) => states[a.state] - states[b.state] || severity(a) - severity(b) || b.pendingSinceMs - a.pendingSinceMs,
      );
  }

  count(state: Alarm['state']): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.state === state) count++;
    return count;
  }

  /** @returns whether it is news. */
  #advance(id: string, entry: Entry, nowMs: number): boolean {
    if (entry.state === 'pending') {
      if (!isBad(entry.reading)) return this.#end(id, entry, nowMs);
      if (nowMs - entry.pendingSinceMs < entry.reading.forMs) return false;
      entry.state = 'firing';
      entry.firingSinceMs = nowMs;
      return true;
    }
    if (!isClear(entry.reading)) {
      entry.clearSinceMs = undefined;
      return false;
    }
    entry.clearSinceMs ??= nowMs;
    return nowMs - entry.clearSinceMs >= CLEAR_FOR_MS && this.#end(id, entry, nowMs);
  }

  /** A pending one is forgotten, a firing one resolved. @returns whether it is news. */
  #end(id: string, entry: Entry, nowMs: number): boolean {
    if (entry.state === 'pending') {
      this.#entries.delete(id);
      return false;
    }
    entry.state = 'resolved';
    entry.resolvedAtMs = nowMs;
    return true;
  }

  #forget(nowMs: number): void {
    const resolved = [...this.#entries].filter(([, { state }]) => state === 'resolved');
    resolved.forEach(([id, { resolvedAtMs = nowMs }], index) => {
      const isSurplus = index < resolved.length - MAX_RESOLVED;
      if (isSurplus || nowMs - resolvedAtMs > KEEP_RESOLVED_MS) this.#entries.delete(id);
    });
  }
}

function begin(reading: Reading, nowMs: number): Entry {
  return {
    reading,
    state: 'pending',
    pendingSinceMs: nowMs,
    firingSinceMs: undefined,
    clearSinceMs: undefined,
    resolvedAtMs: undefined,
    seenAtMs: nowMs,
  };
}

function idOf({ name, labels }: Reading): string {
  return [name, labels.path ?? labels.worker].filter((part) => part !== undefined).join('/');
}

function isBad({ name, value, threshold, isBad: state }: Reading): boolean {
  if (state !== undefined) return state;
  return ALARM_RULES[name].comparison === 'above' ? value > threshold : value < threshold;
}

function isClear({ name, value, threshold, isBad: state }: Reading): boolean {
  if (state !== undefined) return !state;
  const margin = threshold * CLEAR_MARGIN;
  return ALARM_RULES[name].comparison === 'above' ? value <= threshold - margin : value >= threshold + margin;
}

function shown(id: string, entry: Entry): Alarm {
  const { forMs: _, isBad: __, ...reading } = entry.reading;
  const { state, pendingSinceMs, firingSinceMs, resolvedAtMs } = entry;
  return { ...reading, id, state, pendingSinceMs, firingSinceMs, resolvedAtMs };
}
