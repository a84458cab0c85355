import { Backoff } from './backoff.ts';
import { RefusedError, Session } from './signalling.ts';

/**
 * `connecting`: a session is being made. `connected`: media flows. `waiting`: the next attempt comes by itself.
 * `closed`: by `close()`, for good.
 */
export type ConnectionState = 'connecting' | 'connected' | 'waiting' | 'closed';

export type ConnectionOptions = {
  readonly url: URL;
  readonly token: string | undefined;
  /** Adds tracks or transceivers to a fresh peer connection. */
  readonly prepare: (peer: RTCPeerConnection) => void | Promise<void>;
  /** Last change to the offer before it is used. */
  readonly adaptOffer?: (sdp: string) => string;
  /** Something that grows while media flows; without it, media is taken to flow while the peer is connected. */
  readonly progress?: (report: RTCStatsReport) => number;
  /** @param detail for people */
  readonly onState: (state: ConnectionState, detail: string) => void;
  readonly createPeerConnection?: () => RTCPeerConnection;
  readonly fetch?: typeof fetch;
  readonly random?: () => number;
};

/** How often media is looked at. */
const WATCH_MS = 500;
/** The same while it has not come yet. */
const EAGER_WATCH_MS = 100;
/** Without media the session is asked after this often: a server that lost it says 404 long before ICE notices. */
const DOUBT_MS = 1_000;
/** Where media cannot tell (we send it), the session is asked after this often. */
const ASK_MS = 2_000;
/** Without media for this long the session is given up. */
const STALL_MS = 5_000;
/** The same before the first media: a publisher may still be on its way to a keyframe. */
const START_MS = 10_000;

/**
 * Keeps one WHIP or WHEP connection alive: new attempts with back-off, an ICE restart when the network changes, a new
 * session when media stops.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #fetch: typeof fetch;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  #state: ConnectionState | undefined;

  /** Starts at once. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    // Bound: browsers refuse `fetch` as another object's method.
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#backoff = new Backoff(250, 10_000, options.random);
    void this.#run();
  }

  /** Ends the session on the server and makes no other. Idempotent. */
  close(): void {
    this.#closing.abort();
    this.#enter('closed', '');
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      let detail = '';
      let retryAfterMs = 0;
      try {
        detail = await this.#attempt();
      } catch (error) {
        detail = error instanceof Error ? error.message : String(error);
        if (error instanceof RefusedError) retryAfterMs = error.retryAfterMs;
      }
      if (this.#isClosed) return;
      this.#enter('waiting', detail);
      await sleep(this.#backoff.next(retryAfterMs), this.#closing.signal);
    }
  }

  /** @returns why it ended */
  async #attempt(): Promise<string> {
    this.#enter('connecting', 'connecting');
    const { signal } = this.#closing;
    const { url, token, prepare, adaptOffer } = this.#options;
    const peer = this.#options.createPeerConnection?.() ?? new RTCPeerConnection();
    let session: Session | undefined;
    try {
      await prepare(peer);
      const { sdp = '' } = await peer.createOffer();
      const offer = adaptOffer?.(sdp) ?? sdp;
      await peer.setLocalDescription({ type: 'offer', sdp: offer });
      // Candidates are not waited for: the server learns our address from our checks.
      session = await Session.open({ url, token, fetch: this.#fetch }, offer, signal);
      await peer.setRemoteDescription({ type: 'answer', sdp: session.answer });
      return await this.#watch(peer, session);
    } finally {
      peer.close();
      session?.close();
    }
  }

  async #watch(peer: RTCPeerConnection, session: Session): Promise<string> {
    const { signal } = this.#closing;
    let lastProgress = 0;
    let hasFlowed = false;
    let flowedAt = performance.now();
    let askedAt = flowedAt;
    let hasRestarted = false;
    for (;;) {
      await stateChangeOr(peer, hasFlowed ? WATCH_MS : EAGER_WATCH_MS, signal);
      if (signal.aborted) return '';
      const state = peer.connectionState;
      if (state === 'failed' || state === 'closed') return 'the connection was lost';

      const progress = this.#options.progress?.(await peer.getStats());
      const now = performance.now();
      if (progress === undefined ? state === 'connected' : progress > lastProgress) {
        lastProgress = progress ?? 0;
        hasFlowed = true;
        flowedAt = now;
        this.#backoff.reset();
        this.#enter('connected', '');
      }
      const quietMs = now - flowedAt;
      if (quietMs >= (hasFlowed ? STALL_MS : START_MS)) return 'no media';
      const sinceAskedMs = now - askedAt;
      if (progress === undefined ? sinceAskedMs >= ASK_MS : Math.min(quietMs, sinceAskedMs) >= DOUBT_MS) {
        askedAt = now;
        if (await session.isGone(signal)) return 'the session ended';
      }
      // A path that is lost is often replaced by another: Wi-Fi to cable, a new address.
      if (state === 'connected') hasRestarted = false;
      else if (state === 'disconnected' && !hasRestarted) {
        hasRestarted = true;
        await this.#restartIce(peer, session);
      }
    }
  }

  async #restartIce(peer: RTCPeerConnection, session: Session): Promise<void> {
    const { sdp = '' } = await peer.createOffer({ iceRestart: true });
    await peer.setLocalDescription({ type: 'offer', sdp });
    const answer = await session.restart(sdp, this.#closing.signal);
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  #enter(state: ConnectionState, detail: string): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.#options.onState(state, detail);
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

/** As `sleep`, and woken by the peer's state too. */
async function stateChangeOr(peer: RTCPeerConnection, ms: number, signal: AbortSignal): Promise<void> {
  const wake = new AbortController();
  const onChange = (): void => wake.abort();
  peer.addEventListener('connectionstatechange', onChange);
  await sleep(ms, AbortSignal.any([signal, wake.signal]));
  peer.removeEventListener('connectionstatechange', onChange);
}
