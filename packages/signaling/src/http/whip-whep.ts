import { ShardcastError } from '@shardcast/shared';
import type { Request, RequestHandler, Response } from 'express';
import { accessRequest } from '../auth/access-request.ts';
import { type Authorise, demand } from '../auth/authorise.ts';
import { peerAddress } from '../auth/peer-address.ts';
import type { Media, SessionKind } from '../paths/media.ts';
import { readText } from './body.ts';
import { setCorsHeaders } from './cors.ts';
import { answerIce, iceUfrag, parseFragment, writeFragment } from './ice-fragment.ts';
import { IceSessions } from './ice-sessions.ts';
import { sendMethodNotAllowed } from './problem.ts';
import { checkPathName, decodedPath } from './request-path.ts';

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
/** Largest offer or fragment, bytes. */
export const MAX_SDP_BYTES = 64 * 1024;

const ENDPOINT_METHODS = 'OPTIONS, GET, HEAD, POST';
const SESSION_METHODS = 'OPTIONS, GET, HEAD, PATCH, DELETE';

type Target = { readonly kind: SessionKind; readonly path: string; readonly session: string | undefined };

export type WhipWhepOptions = {
  readonly media: Pick<Media, 'publish' | 'subscribe' | 'restartIce' | 'sessionTag' | 'closeSession'>;
  readonly authorise: Authorise;
  /** As `webrtcAllowOrigins`. */
  readonly allowOrigins: readonly string[];
};

/**
 * WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) at `/{path}/whip|whep`, their sessions below that. Paths may contain
 * slashes. Requests for anything else go to `next`; failures go there as ShardcastErrors.
 */
export function whipWhep({ media, authorise, allowOrigins }: WhipWhepOptions): RequestHandler {
  const iceSessions = new IceSessions((session, { kind, path }) => {
    try {
      media.sessionTag(kind, path, session);
      return true;
    } catch {
      return false;
    }
  });

  async function post(req: Request, res: Response, { kind, path }: Target, lifetimeMs: number): Promise<void> {
    const offer = await readText(req, SDP, MAX_SDP_BYTES);
    if (offer.trim() === '') throw new ShardcastError('SDP_INVALID', 'the offer is empty');
    const open = kind === 'whip' ? media.publish.bind(media) : media.subscribe.bind(media);
    const { session, id, answer, etag } = await open(path, offer, { remoteAddr: peerAddress(req), lifetimeMs });
    if (res.destroyed) {
      // The client left while the session was being made; nobody else knows its secret.
      await media.closeSession(kind, path, session);
      return;
    }
    iceSessions.set(session, { kind, path, ufrag: iceUfrag(offer), answer: answerIce(answer) });
    res.status(201);
    res.setHeader('Content-Type', SDP);
    // An absolute path: it holds behind proxies, and OBS and others take it literally.
    res.setHeader('Location', `/${path}/${kind}/${session}`);
    res.setHeader('ETag', `"${etag}"`);
    // As MediaMTX: what the API calls the session.
    res.setHeader('ID', id);
    res.setHeader('Accept-Patch', FRAGMENT);
    res.setHeader('Cache-Control', 'no-store');
    // Not `send`, which would add a charset that some clients do not expect.
    res.end(answer);
  }

  async function patch(req: Request, res: Response, { kind, path }: Target, session: string): Promise<void> {
    const etag = media.sessionTag(kind, path, session);
    const fragment = parseFragment(await readText(req, FRAGMENT, MAX_SDP_BYTES));
    if (typeof fragment === 'string') throw new ShardcastError('BAD_REQUEST', `the fragment is malformed: ${fragment}`);
    // Lenient: clients send `*` or nothing at all where RFC 9725 wants the tag. A wrong tag is still a wrong tag.
    const ifMatch = req.headers['if-match'];
    if (ifMatch !== undefined && ifMatch !== '*' && !entityTags(ifMatch).includes(`"${etag}"`))
      throw new ShardcastError('PRECONDITION_FAILED', 'this is not the current ICE session');
    const known = iceSessions.get(session);
    if (fragment === undefined || known === undefined || fragment.ufrag === known.ufrag) {
      // Trickled candidates are not needed: an ICE-lite agent learns addresses from the client's checks.
      res.status(204).end();
      return;
    }
    const restarted = await media.restartIce(kind, path, session, fragment);
    iceSessions.set(session, { ...known, ufrag: fragment.ufrag });
    res.status(200);
    res.setHeader('Content-Type', FRAGMENT);
    res.setHeader('ETag', `"${restarted.etag}"`);
    res.setHeader('Cache-Control', 'no-store');
    res.end(writeFragment(restarted, known.answer));
  }

  async function handleSession(req: Request, res: Response, target: Target, session: string): Promise<void> {
    switch (req.method) {
      case 'PATCH':
        return patch(req, res, target, session);
      case 'DELETE':
        await media.closeSession(target.kind, target.path, session);
        iceSessions.delete(session);
        res.status(200).end();
        return;
      case 'GET':
      case 'HEAD':
        media.sessionTag(target.kind, target.path, session);
        res.status(204).end();
        return;
      default:
        sendMethodNotAllowed(res, SESSION_METHODS);
    }
  }

  async function handleEndpoint(req: Request, res: Response, target: Target, lifetimeMs: number): Promise<void> {
    switch (req.method) {
      case 'POST':
        return post(req, res, target, lifetimeMs);
      case 'HEAD': // how WHEP players discover an endpoint
        res.setHeader('Content-Type', SDP);
        res.setHeader('Accept-Post', SDP);
        res.status(200).end();
        return;
      case 'GET':
        res.status(204).end();
        return;
      default:
        sendMethodNotAllowed(res, ENDPOINT_METHODS);
    }
  }

  return async function whipWhepHandler(req, res, next) {
    const target = targetOf(decodedPath(req.path));
    if (target === undefined) {
      next();
      return;
    }
    const { session } = target;
    const methods = session === undefined ? ENDPOINT_METHODS : SESSION_METHODS;
    setCorsHeaders(req, res, allowOrigins, methods);
    checkPathName(target.path);
    if (req.method === 'OPTIONS') {
      res.setHeader('Allow', methods);
      if (session === undefined) res.setHeader('Accept-Post', SDP);
      else res.setHeader('Accept-Patch', FRAGMENT);
      res.status(200).end();
      return;
    }
    if (session !== undefined) {
      // Its URL opens it: a secret that was told to nobody else (RFC 9725 §5). Players do not send credentials to it.
      await handleSession(req, res, target, session);
      return;
    }
    const action = target.kind === 'whip' ? 'publish' : 'read';
    const { lifetimeMs } = await demand(authorise, accessRequest(req, action, target.path, 'webrtc'));
    await handleEndpoint(req, res, target, lifetimeMs);
  };
}

function targetOf(pathname: string): Target | undefined {
  const match = /^\/(.+?)\/(whip|whep)(?:\/(.+))?$/.exec(pathname);
  if (match === null) return undefined;
  const [, path = '', kind, session] = match;
  return { path, kind: kind === 'whip' ? 'whip' : 'whep', session };
}

function entityTags(header: string): string[] {
  return header.split(',').map((tag) => tag.trim());
}
