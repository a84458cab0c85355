import type { LegTable } from '../forward/leg-table.ts';
import type { Guarded } from '../guard.ts';
import { type PeerContext, type PeerDescription, type PeerHandler, PeerSession } from './peer-session.ts';
import { type AnswerTransport, buildAnswer, type MediaPlan } from './sdp/answer.ts';
import type { Offer } from './sdp/offer.ts';

/** What main asks for: a session by its id, its counters' slot, and the client's offer. */
export type SessionRequest = {
  readonly session: string;
  readonly slot: number;
  readonly offer: string;
};

/** What sessions of a worker are made with. */
export type SessionContext = PeerContext & {
  readonly transport: () => AnswerTransport;
  /** New ICE credentials (RFC 8445 §5.3). */
  readonly credentials: () => Credentials;
  readonly nack: boolean;
  /** Rows of all viewers' legs. */
  readonly legs: LegTable;
  /** A publisher that sends nothing for this long is let go. */
  readonly readTimeoutMs: number;
  /** Asks for `flush` of a publisher before the next turn of the event loop ends. */
  readonly onFlushWanted: (publisher: Publisher) => void;
};

/** A session with packets that are not sent on yet. */
export type Publisher = Guarded & { flush(): void };

export type Credentials = { readonly ufrag: string; readonly pwd: string };

/** An offer that was read and found acceptable. */
export type AcceptedOffer = {
  readonly kind: PeerDescription['kind'];
  readonly path: string;
  /** See PeerDescription. */
  readonly handling: number;
  readonly request: SessionRequest;
  readonly offer: Offer;
  readonly credentials: Credentials;
};

/** The connection's side of an accepted offer: registered with the socket, waiting for the client's first check. */
export function openPeer(accepted: AcceptedOffer, context: SessionContext, handler: PeerHandler): PeerSession {
  const { kind, path, handling, request, offer, credentials } = accepted;
  return new PeerSession(
    {
      id: request.session,
      kind,
      path,
      handling,
      slot: request.slot,
      ...credentials,
      peerUfrag: offer.transport.ufrag,
      peerFingerprint: offer.transport.fingerprint,
      active: offer.transport.setup === 'passive',
    },
    context,
    handler,
  );
}

/** @param streamId the MediaStream's id where we send */
export function answerTo(
  { offer, credentials }: AcceptedOffer,
  plan: readonly (MediaPlan | undefined)[],
  context: SessionContext,
  streamId: string,
): string {
  return buildAnswer(offer, plan, {
    ...context.transport(),
    ...credentials,
    setup: offer.transport.setup === 'passive' ? 'active' : 'passive',
    streamId,
    nack: context.nack,
  });
}
