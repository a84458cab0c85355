/**
 * Says whose reports are due. One timer asks it; members are spread over the interval, so that a thousand
 * viewers make no burst. Pure: time is an argument.
 */
export class RtcpSchedule<Member> {
  readonly #intervalMs: number;
  readonly #dueAt = new Map<Member, number>();
  #added = 0;

  /** @param intervalMs between two reports of one member. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  get size(): number {
    return this.#dueAt.size;
  }

  /** The first report comes within one interval. */
  add(member: Member, nowMs: number): void {
    // The golden ratio spreads any number of members evenly over the interval.
    const phase = (this.#added++ * 0.618033988749895) % 1;
    this.#dueAt.set(member, nowMs + phase * this.#intervalMs);
  }

  delete(member: Member): void {
    this.#dueAt.delete(member);
  }

  /** Calls `report` for each member whose time has come. After a stall each is called once, not once a missed interval. */
  run(nowMs: number, report: (member: Member) => void): void {
    for (const [member, dueAt] of this.#dueAt) {
      if (nowMs < dueAt) continue;
      const missed = Math.floor((nowMs - dueAt) / this.#intervalMs);
      this.#dueAt.set(member, dueAt + (missed + 1) * this.#intervalMs);
      report(member);
    }
  }
}
