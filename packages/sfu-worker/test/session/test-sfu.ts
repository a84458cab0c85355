import {
  MAX_SESSIONS,
  SESSION_DOUBLES,
  type SessionSnapshot,
  Telemetry,
  WORKER,
  type WorkerField,
} from '@shardcast/shared';
import { WhepSession } from '../../src/egress/whep-session.ts';
import { type SelectedPath, selectFastPath } from '../../src/fastpath/select.ts';
import { Stream } from '../../src/forward/stream.ts';
import { TrackCommons } from '../../src/forward/track-viewers.ts';
import { Guard } from '../../src/guard.ts';
import { WhipSession } from '../../src/ingress/whip-session.ts';
import { makeCertificate } from '../../src/session/dtls/certificate.ts';
import type { DtlsEngine } from '../../src/session/dtls/secure-channel.ts';
import { selectDtlsEngine } from '../../src/session/dtls/select.ts';
import type { Publisher, SessionContext } from '../../src/session/session-context.ts';
import { UdpMux } from '../../src/session/udp-mux.ts';
import { TurnQueue } from '../../src/turn-queue.ts';

export const HANDSHAKE_TIMEOUT_MS = 10_000;
export const CONSENT_TIMEOUT_MS = 30_000;

/** One stream and its sessions over a real socket, with a clock that stands still until a test moves it. */
export class TestSfu {
  readonly stream: Stream;
  readonly mux: UdpMux;
  readonly context: SessionContext;
  readonly snapshots = new Map<string, SessionSnapshot>();
  /** Why each session was closed. */
  readonly closed = new Map<string, string>();
  readonly errors: unknown[] = [];
  readonly sessions = new Set<WhipSession | WhepSession>();
  /** How often a source came. */
  onlines = 0;
  readonly #telemetry: Telemetry;
  readonly #unflushed = new Set<Publisher>();
  #nowMs = 1_700_000_000_000;
  #nextSlot = 0;
  /** Handshakes repeat what was lost, though the clock stands still. */
  readonly #ticker = setInterval(() => {
    for (const { peer } of this.sessions) if (peer.state === 'connecting') peer.tick(this.#nowMs);
  }, 100);

  /** `native` and `openssl` throw where the addon is not built. */
  static async open(name: 'portable' | 'native' = 'portable', engine: DtlsEngine['name'] = 'werift'): Promise<TestSfu> {
    const telemetry = new Telemetry(Telemetry.allocate());
    const certificate = await makeCertificate();
    const dtls = await selectDtlsEngine({ dtls: engine, certificate });
    const errors: unknown[] = [];
    const log = {
      error: (line: string, fields?: unknown) => errors.push([line, fields]),
      warn() {},
      info() {},
      debug() {},
    };
    let sfu: TestSfu | undefined;
    const clock = () => sfu?.nowMs ?? 0;
    const path = selectFastPath({ fastPath: name, bufferPool: true, poolSlots: 256 }, log);
    const mux = await UdpMux.open(
      { host: '127.0.0.1', port: 0 },
      {
        telemetry,
        log,
        clock,
        ...(path.openSocket === undefined ? {} : { openSocket: path.openSocket }),
        onDrained: () => sfu?.flush(),
      },
    );
    sfu = new TestSfu(telemetry, mux, path, { dtls, fingerprint: certificate.fingerprint }, log, errors);
    return sfu;
  }

  private constructor(
    telemetry: Telemetry,
    mux: UdpMux,
    path: SelectedPath,
    { dtls, fingerprint }: { dtls: DtlsEngine; fingerprint: string },
    log: SessionContext['log'],
    errors: unknown[],
  ) {
    this.#telemetry = telemetry;
    this.mux = mux;
    this.errors = errors;
    const clock = () => this.#nowMs;
    const commons = new TrackCommons();
    const sessionCounters = new SharedArrayBuffer(MAX_SESSIONS * SESSION_DOUBLES * 8);
    const fastPath = path.fastPath(mux.socket, { telemetry, legs: commons.legs, sessionCounters });
    this.context = {
      sessionCounters,
      fastPath,
      legs: commons.legs,
      dtls,
      mux,
      telemetry,
      turns: new TurnQueue(new Guard(telemetry, log)),
      log,
      clock,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      consentTimeoutMs: CONSENT_TIMEOUT_MS,
      nack: false,

      readTimeoutMs: 10_000,
      onSnapshot: (snapshot) => this.snapshots.set(snapshot.id, snapshot),
      transport: () => ({ addresses: ['127.0.0.1'], port: mux.port, fingerprint }),
      credentials: () => {
        const n = ++this.#nextSlot;
        return { ufrag: `ufrag-${n}`, pwd: `password-of-session-number-${n}` };
      },
      onFlushWanted: (publisher) => {
        this.#unflushed.add(publisher);
        setImmediate(() => this.flush());
      },
    };
    this.stream = new Stream({
      path: 'test',
      slot: 0,
      fastPath,
      telemetry,
      cacheLimits: { maxBytes: 0, maxAgeMs: 0 },
      commons,
      maxPayloadBytes: 1200,
      overridePublisher: false,
      nack: false,
      publisherGraceMs: 10_000,
      clock,
      log,
      onOnline: () => this.onlines++,
      onOffline: () => {},
      onPaceWanted: () => {},
    });
  }

  flush(): void {
    for (const publisher of this.#unflushed) publisher.flush();
    this.#unflushed.clear();
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Time passes at once, and the worker's timer looks at everything. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.stream.tick(this.#nowMs);
    for (const session of [...this.sessions]) session.peer.tick(this.#nowMs);
  }

  count(field: WorkerField): number {
    return this.#telemetry.counters[WORKER[field]] ?? 0;
  }

  setupsObserved(): number {
    return this.#telemetry.histogram('sessionSetup').counts.reduce((sum, n) => sum + n, 0);
  }

  publish(id: string, offer: string): { session: WhipSession; answer: string } {
    return this.#keep(id, (request, onClosed) =>
      WhipSession.publish({ ...request, offer }, this.stream, this.context, onClosed),
    );
  }

  subscribe(id: string, offer: string): { session: WhepSession; answer: string } {
    return this.#keep(id, (request, onClosed) =>
      WhepSession.subscribe({ ...request, offer }, this.stream, this.context, onClosed),
    );
  }

  close(): void {
    clearInterval(this.#ticker);
    for (const session of [...this.sessions]) session.close('the test ends');
    this.stream.close('the test ends');
    this.mux.close();
  }

  #keep<S extends WhipSession | WhepSession>(
    id: string,
    make: (
      request: { session: string; slot: number },
      onClosed: (reason: string) => void,
    ) => { session: S; answer: string },
  ): { session: S; answer: string } {
    let made: S | undefined;
    const result = make({ session: id, slot: this.sessions.size + this.closed.size }, (reason) => {
      this.closed.set(id, reason);
      if (made !== undefined) this.sessions.delete(made);
    });
    made = result.session;
    this.sessions.add(made);
    return result;
  }
}
