import { type ShardcastErrorCode, TrackInfo } from '@shardcast/shared';
import { MAX_PATH_NAME } from '@shardcast/shared/config';
import { z } from 'zod';

/** The JSON messages of `/ws`; docs/websocket.md describes them for users. One message a text frame. */

export const PROTOCOL_VERSION = 1;

/** Chosen by the client, repeated in the reply. */
const Id = z.int().min(0);
const Path = z.string().min(1).max(MAX_PATH_NAME);
const Sdp = z.string().min(1);
const Session = z.string().min(1).max(64);

export const ClientMessage = z.discriminatedUnion('type', [
  /** Asks for the live streams; with `watch` also for `online` and `offline` from now on. */
  z.strictObject({ type: z.literal('list'), id: Id, watch: z.boolean().optional() }),
  z.strictObject({ type: z.literal('subscribe'), id: Id, path: Path, offer: Sdp }),
  z.strictObject({ type: z.literal('publish'), id: Id, path: Path, offer: Sdp }),
  /** Ends a session that this socket opened. */
  z.strictObject({ type: z.literal('close'), id: Id, session: Session }),
  z.strictObject({
    type: z.literal('restart-ice'),
    id: Id,
    session: Session,
    ufrag: z.string().regex(/^[A-Za-z0-9+/]{4,256}$/),
    pwd: z.string().regex(/^[A-Za-z0-9+/]{22,256}$/),
  }),
  z.strictObject({ type: z.literal('ping'), id: Id }),
]);
export type ClientMessage = z.infer<typeof ClientMessage>;

export const StreamEntry = z.strictObject({ path: z.string(), tracks: z.array(TrackInfo), readers: z.int() });
export type StreamEntry = z.infer<typeof StreamEntry>;

export type ServerMessage =
  /** The first message. */
  | { readonly type: 'hello'; readonly version: number; readonly server: 'shardcast' }
  | { readonly type: 'streams'; readonly id: number; readonly streams: readonly StreamEntry[] }
  | { readonly type: 'online'; readonly path: string; readonly tracks: readonly TrackInfo[] }
  | { readonly type: 'offline'; readonly path: string; readonly reason: string }
  | { readonly type: 'answer'; readonly id: number; readonly session: string; readonly answer: string }
  | { readonly type: 'closed'; readonly id: number; readonly session: string }
  | {
      readonly type: 'ice';
      readonly id: number;
      readonly session: string;
      readonly ufrag: string;
      readonly pwd: string;
    }
  | { readonly type: 'pong'; readonly id: number }
  | {
      readonly type: 'error';
      /** Null when the message had none that could be read. */
      readonly id: number | null;
      readonly code: ShardcastErrorCode;
      readonly message: string;
      /** Seconds after which it may succeed. */
      readonly retryAfter?: number;
    };

/** @returns the message, or what to answer instead */
export function parseClientMessage(text: string): ClientMessage | Extract<ServerMessage, { type: 'error' }> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return { type: 'error', id: null, code: 'BAD_REQUEST', message: 'the message is not JSON' };
  }
  const parsed = ClientMessage.safeParse(data);
  if (parsed.success) return parsed.data;
  const id = typeof data === 'object' && data !== null && 'id' in data ? Id.safeParse(data.id).data : undefined;
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? 'the message' : issue.path.join('.');
  return { type: 'error', id: id ?? null, code: 'BAD_REQUEST', message: `${where}: ${issue?.message ?? 'malformed'}` };
}
