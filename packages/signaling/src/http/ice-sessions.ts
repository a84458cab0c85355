import type { SessionKind } from '../paths/media.ts';
import type { AnswerIce } from './ice-fragment.ts';

/** What a PATCH needs to know of the POST that opened its session. */
export type IceSession = {
  readonly kind: SessionKind;
  readonly path: string;
  /** The client's newest; another one in a PATCH asks for an ICE restart. */
  readonly ufrag: string | undefined;
  readonly answer: AnswerIce;
};

const SWEEP_FROM = 64;

/**
 * ICE facts of the open WHIP and WHEP sessions, by session secret. Sessions end without telling this map, so it asks
 * about all of them whenever it has doubled since it last did: amortised, constant work a session.
 */
export class IceSessions {
  readonly #sessions = new Map<string, IceSession>();
  readonly #isOpen: (session: string, ice: IceSession) => boolean;
  #sweepAt = SWEEP_FROM;

  constructor(isOpen: (session: string, ice: IceSession) => boolean) {
    this.#isOpen = isOpen;
  }

  get size(): number {
    return this.#sessions.size;
  }

  set(session: string, ice: IceSession): void {
    this.#sessions.set(session, ice);
    if (this.#sessions.size < this.#sweepAt) return;
    for (const [known, facts] of this.#sessions) if (!this.#isOpen(known, facts)) this.#sessions.delete(known);
    this.#sweepAt = Math.max(SWEEP_FROM, this.#sessions.size * 2);
  }

  get(session: string): IceSession | undefined {
    return this.#sessions.get(session);
  }

  delete(session: string): void {
    this.#sessions.delete(session);
  }
}
