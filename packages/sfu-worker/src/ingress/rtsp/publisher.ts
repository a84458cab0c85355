import {
  headerOf,
  parseRtspSdp,
  parseTransport,
  RTSP_REASONS,
  RTSP_STATUS,
  RTSP_VERSION,
  type RtspHeaders,
  type RtspMessage,
  type RtspRequest,
  type RtspSessionDescription,
  requestPath,
  resolveControl,
  ShardcastError,
  sequenceOf,
  writeResponse,
} from '@shardcast/shared';
import type { SourceTrack, StreamInlet } from '../../forward/ingest.ts';
import type { Guard, Guarded } from '../../guard.ts';
import type { WorkerLog } from '../../log.ts';
import type { ByteConnection } from './byte-connection.ts';
import { InterleavedParser } from './interleaved.ts';
import { MediaTracks } from './media-tracks.ts';
import { PublisherTransports } from './publisher-transports.ts';
import { type Schedule, systemSchedule } from './schedule.ts';
import type { UdpPairs } from './udp-pairs.ts';

/** Methods that a publisher may use, for the Public header. */
const PUBLIC = 'OPTIONS, ANNOUNCE, SETUP, RECORD, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN';
/** Methods of players. */
const FOR_READERS = new Set(['DESCRIBE', 'PLAY', 'PLAY_NOTIFY', 'REDIRECT']);
/** What a paused publisher is told, and held to: seconds between its requests. */
const SESSION_TIMEOUT_S = 60;
/** Looks of the watchdog at the media per read time-out. */
const CHECKS = 4;
const MAX_QUEUED_REQUESTS = 16;
/** One of each kind is forwarded; encoders announce a few more at most. */
const MAX_TRACKS = 8;

export type RtspPublisherOptions = {
  /** Its first bytes are the ANNOUNCE that main has authorised for the inlet's path. */
  readonly connection: ByteConnection;
  readonly inlet: StreamInlet;
  readonly udpPairs: UdpPairs;
  /** Unguessable; becomes the RTSP session id. */
  readonly session: string;
  readonly log: WorkerLog;
  readonly guard: Guard;
  /** Without an RTP packet for this long the publisher is closed; it may also take this long to come to RECORD. */
  readonly readTimeoutMs: number;
  /** What the publisher may choose from; both by default. */
  readonly transports?: readonly ('tcp' | 'udp')[];
  /** It has ended, whoever ended it. Called once, never from within `adoptRtspPublisher`. */
  readonly onClose: (reason: string) => void;
  readonly schedule?: Schedule;
};

export interface RtspPublisherHandle {
  /** Ends the source and the connection. Idempotent. */
  close(reason: string): void;
}

/** Serves the rest of an RTSP publisher's life: from its ANNOUNCE on, until its connection ends (RFC 2326 §10). */
export function adoptRtspPublisher(options: RtspPublisherOptions): RtspPublisherHandle {
  return new RtspPublisher(options);
}

type State = 'new' | 'announced' | 'recording' | 'paused' | 'closed';
type Answer = { readonly status: number; readonly reason?: string; readonly headers?: RtspHeaders };

const OK: Answer = { status: 200 };
const NOT_NOW: Answer = { status: 455 };
const NO_PORTS: Answer = { status: 453, reason: 'No UDP ports are free' };

class RtspPublisher implements RtspPublisherHandle, Guarded {
  readonly #options: RtspPublisherOptions;
  readonly #parser: InterleavedParser;
  readonly #media: MediaTracks;
  readonly #transports: PublisherTransports;
  readonly #queue: RtspRequest[] = [];
  #isBusy = false;
  #state: State = 'new';
  #announceUri = '';
  #description: RtspSessionDescription = { control: undefined, media: [] };
  #hadRequest = false;
  #idleMs = 0;
  #cancelTimer: () => void;

  constructor(options: RtspPublisherOptions) {
    const { connection } = options;
    this.#options = options;
    this.#media = new MediaTracks(connection, options.udpPairs, (error) => options.guard.caught(this, error));
    this.#parser = new InterleavedParser({
      frame: (channel, buffer, start, end) => this.#media.frame(channel, buffer, start, end),
      message: (message) => this.#receive(message),
      flush: () => this.#media.flush(),
    });
    this.#transports = new PublisherTransports(this.#media, this.#parser);
    connection.onBytes = (buffer, start, end) => {
      try {
        const fault = this.#parser.feed(buffer, start, end);
        if (fault !== undefined) this.#refuse(fault);
      } catch (error) {
        options.guard.caught(this, error);
      }
    };
    connection.onClose = (reason) => options.guard.run(this, () => this.close(reason));
    this.#cancelTimer = this.#schedule(options.readTimeoutMs, () => this.close('no RECORD in time'));
  }

  get path(): string {
    return this.#options.inlet.path;
  }

  close(reason: string): void {
    this.#end(reason, true);
  }

  #end(reason: string, tellSink: boolean): void {
    if (this.#state === 'closed') return;
    const wasLive = this.#state === 'recording' || this.#state === 'paused';
    this.#state = 'closed';
    this.#cancelTimer();
    this.#parser.stop();
    this.#queue.length = 0;
    this.#transports.close();
    this.#options.connection.close();
    try {
      this.#media.close(tellSink ? reason : undefined);
    } finally {
      this.#ended(reason, wasLive);
    }
  }

  #ended(reason: string, wasLive: boolean): void {
    const { log, inlet, session } = this.#options;
    const fields = { path: inlet.path, session, reason, ...this.#parser.counters };
    if (wasLive) log.info('rtsp publisher left', fields);
    else log.info('rtsp publisher did not come to record', fields);
    this.#options.onClose(reason);
  }

  #schedule(ms: number, run: () => void): () => void {
    return (this.#options.schedule ?? systemSchedule)(ms, () => this.#options.guard.run(this, run));
  }

  #receive(message: RtspMessage): void {
    if (message.kind === 'response') return; // an answer to a question that we never ask
    this.#hadRequest = true;
    if (this.#queue.push(message) > MAX_QUEUED_REQUESTS) this.close('too many requests at once');
    else this.#serve();
  }

  /** One request at a time: UDP ports take a turn of the loop to open. */
  #serve(): void {
    while (!this.#isBusy) {
      const request = this.#queue.shift();
      if (request === undefined) return;
      const answer = this.#answer(request);
      if (answer instanceof Promise) {
        this.#isBusy = true;
        answer
          .then((late) => {
            this.#isBusy = false;
            this.#send(request, late);
            this.#serve();
          })
          .catch((error: unknown) => {
            this.#send(request, { status: 500 });
            this.#options.guard.caught(this, error);
          });
      } else {
        this.#send(request, answer);
      }
    }
  }

  #answer(request: RtspRequest): Answer | Promise<Answer> {
    if (request.version !== RTSP_VERSION) return { status: 505 };
    if (sequenceOf(request) === undefined) return { status: 400, reason: 'CSeq is missing' };
    const named = headerOf(request, 'session')?.split(';', 1)[0]?.trim();
    if (named !== undefined && named !== this.#options.session) return { status: 454 };
    switch (request.method) {
      case 'OPTIONS':
        return { status: 200, headers: [['public', PUBLIC]] };
      case 'GET_PARAMETER':
        return OK;
      case 'SET_PARAMETER':
        return request.body.length === 0 ? OK : { status: 451 };
      case 'ANNOUNCE':
        return this.#announce(request);
      case 'SETUP':
        return this.#setup(request);
      case 'RECORD':
        return this.#record();
      case 'PAUSE':
        if (this.#state !== 'recording' && this.#state !== 'paused') return NOT_NOW;
        this.#state = 'paused';
        this.#media.isPaused = true;
        return OK;
      case 'TEARDOWN':
        return OK;
      default:
        return FOR_READERS.has(request.method) ? NOT_NOW : { status: 501 };
    }
  }

  #announce(request: RtspRequest): Answer {
    if (this.#state !== 'new') return NOT_NOW;
    // The path is what was authorised; a client that is redirected by nobody has no reason to name another.
    if (requestPath(request.uri).path !== this.#options.inlet.path) return { status: 403 };
    const type = headerOf(request, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
    if (type !== undefined && type !== 'application/sdp') return { status: 415 };
    const description = parseRtspSdp(request.body.toString('utf8'));
    if (typeof description === 'string') return { status: 400, reason: `SDP refused: ${description}` };
    if (description.media.length > MAX_TRACKS) return { status: 400, reason: `More than ${MAX_TRACKS} tracks` };
    if (!description.media.some(({ track }) => track !== undefined)) {
      const reasons = description.media.map(({ info }) => info.skipped).join('; ');
      return {
        status: RTSP_STATUS.SDP_UNACCEPTABLE,
        reason: `No track that can be forwarded: ${reasons || 'no media'}`,
      };
    }
    this.#announceUri = request.uri;
    this.#description = description;
    this.#state = 'announced';
    return OK;
  }

  #setup(request: RtspRequest): Answer | Promise<Answer> {
    if (this.#state !== 'announced') return NOT_NOW;
    const media = this.#findMedia(request.uri);
    if (media === undefined) return { status: 404, reason: 'No such track' };
    if (this.#transports.has(media)) return NOT_NOW;
    const allowed = this.#options.transports ?? ['tcp', 'udp'];
    const wanted = parseTransport(headerOf(request, 'transport') ?? '').find(
      ({ lower, isMulticast, mode }) => allowed.includes(lower) && !isMulticast && (mode ?? 'record') !== 'play',
    );
    if (wanted === undefined) return { status: 461 };
    const isSkipped = this.#description.media[media]?.track === undefined;
    const answer = this.#transports.setup(media, wanted, isSkipped);
    if (answer === undefined) return { status: 461 };
    const accepted = (transport: string): Answer => ({ status: 200, headers: [['transport', transport]] });
    if (typeof answer === 'string') return accepted(answer);
    return answer.then((late) => (late === undefined ? NO_PORTS : accepted(late)));
  }

  /** The track that a SETUP means, by its path: hosts are named in more than one way. */
  #findMedia(uri: string): number | undefined {
    const wanted = comparable(uri);
    const { media } = this.#description;
    const found = media.findIndex(({ control }) => comparable(resolveControl(this.#announceUri, control)) === wanted);
    if (found >= 0) return found;
    return media.length === 1 && wanted === comparable(this.#announceUri) ? 0 : undefined;
  }

  #record(): Answer {
    if (this.#state === 'paused') {
      this.#state = 'recording';
      this.#media.isPaused = false;
      return OK;
    }
    if (this.#state !== 'announced') return NOT_NOW;
    const { inlet, log, session } = this.#options;
    const tracks: SourceTrack[] = [];
    for (const [index, { track }] of this.#description.media.entries()) {
      if (track !== undefined && this.#transports.start(index)) tracks.push(track);
    }
    if (tracks.length === 0) return { status: 455, reason: 'No track was set up' };
    try {
      const sink = inlet.open(
        { type: 'rtsp-push', tracks, offered: this.#description.media.map(({ info }) => info) },
        {
          canMakeKeyframes: false, // RTSP has no way to ask
          requestKeyframe: () => undefined,
          sendRtcp: (track, packet) => this.#media.sendRtcp(track, packet),
          close: (reason) => this.#end(reason, false),
        },
      );
      this.#media.open(sink);
    } catch (error) {
      if (!(error instanceof ShardcastError)) throw error;
      return { status: RTSP_STATUS[error.code], reason: error.message };
    }
    this.#state = 'recording';
    this.#cancelTimer();
    this.#watch();
    log.info('rtsp publisher recording', { path: inlet.path, session, transport: this.#transports.summary });
    return OK;
  }

  #watch(): void {
    const stepMs = this.#options.readTimeoutMs / CHECKS;
    this.#cancelTimer = this.#schedule(stepMs, () => {
      const isAlive = this.#state === 'paused' ? this.#hadRequest : this.#media.hasMedia;
      this.#hadRequest = false;
      this.#media.hasMedia = false;
      this.#idleMs = isAlive ? 0 : this.#idleMs + stepMs;
      const limitMs = this.#state === 'paused' ? SESSION_TIMEOUT_S * 1000 : this.#options.readTimeoutMs;
      if (this.#idleMs >= limitMs) this.close(`no media for ${limitMs / 1000} s`);
      else this.#watch();
    });
  }

  #send(request: RtspRequest, { status, reason, headers = [] }: Answer): void {
    if (this.#state === 'closed') return;
    const all: [string, string][] = [['cseq', headerOf(request, 'cseq') ?? '0']];
    if (status === 200 && this.#state !== 'new') {
      all.push(['session', `${this.#options.session};timeout=${SESSION_TIMEOUT_S}`]);
    }
    for (const [name, value] of headers) all.push([name, value]);
    const phrase = reason ?? RTSP_REASONS[status] ?? 'Error';
    this.#options.connection.write(writeResponse({ status, reason: phrase, headers: all }));
    if (request.method === 'TEARDOWN' && status === 200) this.close('the publisher ended the stream');
    // Whoever cannot come to record keeps nothing open.
    else if (status >= 400 && this.#state === 'new') this.close(`${request.method} refused: ${phrase}`);
  }

  #refuse(fault: string): void {
    if (this.#state === 'closed') return;
    this.#options.connection.write(writeResponse({ status: 400, reason: 'Bad Request', headers: [] }));
    this.close(`not RTSP: ${fault}`);
  }
}

/** The path and query of a control URI, without what clients write differently. */
function comparable(uri: string): string {
  const { path, query } = requestPath(uri);
  return query === '' ? path : `${path}?${query.replace(/\/+$/, '')}`;
}
