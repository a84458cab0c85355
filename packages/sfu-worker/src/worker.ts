import { randomBytes } from 'node:crypto';
import { threadId } from 'node:worker_threads';
import {
  assertNever,
  type ControlRequest,
  type ControlResult,
  HANDLING_VIEWER,
  ShardcastError,
  Telemetry,
  type ThreadInspection,
  TYPICAL_COST,
  WORKER,
  type WorkerBoot,
  type WorkerEvent,
  type WorkerSettings,
} from '@shardcast/shared';
import { monotonicEpochMs } from './clock.ts';
import { WhepSession } from './egress/whep-session.ts';
import type { FastPath } from './fastpath/fast-path.ts';
import { type SelectedPath, selectFastPath } from './fastpath/select.ts';
import { usableAddon } from './fastpath/usable-addon.ts';
import { FlushQueue } from './flush-queue.ts';
import type { PacketPool } from './forward/packet-pool.ts';
import { Stream } from './forward/stream.ts';
import { TrackCommons } from './forward/track-viewers.ts';
import { Guard } from './guard.ts';
import { Ingress } from './ingress/ingress.ts';
import { WhipSession } from './ingress/whip-session.ts';
import { portLog, type WorkerLog } from './log.ts';
import { Pacer } from './pacer.ts';
import { activeResources, ThreadProfiler } from './profile/thread-profiler.ts';
import { RtcpSchedule } from './report/rtcp-schedule.ts';
import { StreamCpu } from './report/stream-cpu.ts';
import { systemThreadId, WorkerVitals } from './report/worker-vitals.ts';
import type { DtlsEngine } from './session/dtls/secure-channel.ts';
import { selectDtlsEngine } from './session/dtls/select.ts';
import type { SessionContext } from './session/session-context.ts';
import { UdpMux } from './session/udp-mux.ts';
import { TurnQueue } from './turn-queue.ts';

/** Largest SRTP tag and RTP header: what is left of a UDP payload is RTP payload. */
const RTP_OVERHEAD_BYTES = 12 + 16;
const HEARTBEAT_MS = 250;
const TICK_MS = 100;
const VITALS_MS = 1000;

type Session = WhepSession | WhipSession;

/**
 * One shard: its socket, its streams, its sessions and its timers. Nothing here is shared with another worker; a packet
 * is born and dies in this thread.
 */
export class ShardWorker {
  readonly #settings: WorkerSettings;
  readonly #post: (event: WorkerEvent) => void;
  readonly #telemetry: Telemetry;
  readonly #mux: UdpMux;
  readonly #pool: PacketPool | undefined;
  readonly #fastPath: FastPath;
  readonly #context: SessionContext;
  readonly #log: WorkerLog;
  readonly #guard: Guard;
  readonly #turns: TurnQueue;
  readonly #commons = new TrackCommons();
  readonly #ingress: Ingress;
  readonly #streams = new Map<string, Stream>();
  readonly #sessions = new Map<string, Session>();
  readonly #schedule: RtcpSchedule<Session | Stream>;
  readonly #vitals: WorkerVitals;
  readonly #streamCpu: StreamCpu;
  readonly #profiler = new ThreadProfiler();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #flushes: FlushQueue;
  readonly #pacer = new Pacer<Stream>(monotonicEpochMs, (stream, error) => this.#streamFailed(stream, error));
  #vitalsAtMs = 0;
  #closed = false;

  /** Opens the socket and makes what the first viewer needs. */
  static async start(boot: WorkerBoot, post: (event: WorkerEvent) => void): Promise<ShardWorker> {
    const { settings } = boot;
    const telemetry = new Telemetry(boot.telemetry);
    const log = portLog(settings.logLevel, post);
    const dtls = await selectDtlsEngine(settings);
    const path = selectFastPath(settings, log);
    const { openSocket } = path;
    let worker: ShardWorker | undefined;
    const mux = await UdpMux.open(settings.udp, {
      telemetry,
      log,
      clock: monotonicEpochMs,
      ...(openSocket === undefined ? {} : { openSocket }),
      onDrained: () => {
        if (worker !== undefined) worker.#flushes.run();
      },
    });
    worker = new ShardWorker(boot, telemetry, log, mux, path, dtls, post);
    return worker;
  }

  private constructor(
    boot: WorkerBoot,
    telemetry: Telemetry,
    log: WorkerLog,
    mux: UdpMux,
    path: SelectedPath,
    dtls: DtlsEngine,
    post: (event: WorkerEvent) => void,
  ) {
    const { settings } = boot;
    this.#settings = settings;
    this.#post = post;
    this.#telemetry = telemetry;
    telemetry.leave(0); // the thread before may have died in the middle of something
    this.#log = log;
    this.#guard = new Guard(telemetry, log);
    this.#turns = new TurnQueue(this.#guard);
    this.#flushes = new FlushQueue(this.#guard);
    this.#mux = mux;
    this.#pool = path.pool;
    this.#fastPath = path.fastPath(mux.socket, {
      telemetry,
      legs: this.#commons.legs,
      sessionCounters: boot.sessionCounters,
    });
    const loaded = usableAddon(settings);
    this.#ingress = new Ingress({
      settings,
      maxPayloadBytes: settings.udpMaxPayloadSize - RTP_OVERHEAD_BYTES,
      addon: 'addon' in loaded ? loaded.addon : undefined,
      telemetry,
      guard: this.#guard,
      log,
      clock: monotonicEpochMs,
      post,
      onFault: (stream, error) => this.#streamFailed(stream, error),
    });
    this.#schedule = new RtcpSchedule(settings.rtcpIntervalMs);
    this.#vitals = new WorkerVitals(telemetry);
    this.#streamCpu = new StreamCpu(telemetry, TYPICAL_COST[this.#fastPath.name].inboundWeight);
    this.#context = {
      sessionCounters: boot.sessionCounters,
      dtls,
      mux,
      fastPath: this.#fastPath,
      legs: this.#commons.legs,
      telemetry,
      turns: this.#turns,
      log,
      clock: monotonicEpochMs,
      handshakeTimeoutMs: settings.handshakeTimeoutMs,
      consentTimeoutMs: settings.consentTimeoutMs,
      nack: settings.nack,
      readTimeoutMs: settings.readTimeoutMs,
      onSnapshot: (snapshot) => post({ event: 'snapshot', snapshot }),
      transport: () => ({
        addresses: settings.candidateAddresses,
        port: mux.port,
        fingerprint: settings.certificate.fingerprint,
      }),
      // RFC 8445 §5.3: at least 24 and 128 bits of randomness.
      credentials: () => ({ ufrag: randomBytes(6).toString('hex'), pwd: randomBytes(16).toString('hex') }),
      onFlushWanted: (publisher) => this.#flushes.add(publisher),
    };
    this.#timers.push(
      setInterval(() => this.#beat(), HEARTBEAT_MS),
      setInterval(() => this.#tick(monotonicEpochMs()), TICK_MS),
    );
    const systemId = systemThreadId();
    post({
      event: 'ready',
      threadId,
      ...(systemId === undefined ? {} : { systemThreadId: systemId }),
      udpPort: mux.port,
      fastPath: this.#fastPath.name,
      dtls: dtls.name,
      fastPathDetail: this.#fastPath.detail,
    });
  }

  /** @throws ShardcastError as the request's documentation says. */
  handle(request: ControlRequest): Promise<ControlResult<ControlRequest['type']>> {
    // Offers take their turn: a hundred at once would be 50 ms without a packet.
    return request.type === 'subscribe' || request.type === 'publish'
      ? this.#handleInTurn(request)
      : this.#handleNow(request);
  }

  #handleInTurn(request: ControlRequest & { path: string }): Promise<ControlResult<ControlRequest['type']>> {
    return new Promise((resolve, reject) => {
      // Whoever offers is nobody yet: what is thrown rejects, and nothing is to be closed.
      const owner = { path: request.path, close() {} };
      const isQueued = this.#turns.push(owner, () => this.#handleNow(request).then(resolve, reject));
      if (!isQueued) reject(new ShardcastError('TOO_MANY_CONNECTING', 'too many sessions are connecting now'));
    });
  }

  #handleNow(request: ControlRequest): Promise<ControlResult<ControlRequest['type']>> {
    const stream = 'path' in request ? this.#streams.get(request.path) : undefined;
    const whose = request.type === 'subscribe' ? HANDLING_VIEWER : (stream?.slot ?? -1) + 1;
    const before = this.#telemetry.enter(whose);
    const result = this.#handle(request); // a rejection, never a throw
    this.#telemetry.leave(before);
    return result;
  }

  /** Says goodbye to every peer and frees everything. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const path of [...this.#streams.keys()]) this.#closeStream(path, 'the server stops');
    for (const session of [...this.#sessions.values()]) session.close('the server stops');
    for (const timer of this.#timers) clearInterval(timer);
    this.#pacer.close();
    this.#turns.close();
    this.#vitals.close();
    this.#profiler.close();
    this.#mux.close();
  }

  async #handle(request: ControlRequest): Promise<ControlResult<ControlRequest['type']>> {
    switch (request.type) {
      case 'open-stream':
        this.#openStream(request.path, request.slot, request.overridePublisher);
        return {};
      case 'close-stream':
        return { closed: this.#closeStream(request.path, request.reason) };
      case 'examine-stream':
        return this.#stream(request.path).facts(monotonicEpochMs());
      case 'open-source':
        await this.#ingress.open(this.#stream(request.path), request.source);
        return {};
      case 'publish': {
        const { session, answer } = WhipSession.publish(request, this.#stream(request.path), this.#context, (reason) =>
          this.#sessionClosed(request.session, request.slot, reason),
        );
        this.#addSession(request.session, session);
        return { answer };
      }
      case 'subscribe': {
        const stream = this.#stream(request.path);
        if (!stream.isOnline) throw new ShardcastError('STREAM_NOT_READY', `nobody publishes to "${request.path}"`);
        const { session, answer } = WhepSession.subscribe(request, stream, this.#context, (reason) =>
          this.#sessionClosed(request.session, request.slot, reason),
        );
        this.#addSession(request.session, session);
        return { answer };
      }
      case 'restart-ice': {
        const session = this.#sessions.get(request.session);
        if (session === undefined) throw new ShardcastError('SESSION_NOT_FOUND', 'no such session');
        const credentials = this.#context.credentials();
        session.peer.restartIce(credentials, request.ufrag);
        return credentials;
      }
      case 'close-session': {
        const session = this.#sessions.get(request.session) ?? this.#ingress.publisher(request.session);
        session?.close(request.reason);
        return { closed: session !== undefined };
      }
      case 'adopt-rtsp':
        this.#ingress.adopt(this.#stream(request.path), request);
        return {};
      case 'start-cpu-profile':
      case 'stop-cpu-profile':
      case 'heap-profile':
        return this.#profiler.handle(request);
      case 'inspect':
        return this.#inspect();
      case 'stop':
        this.close();
        return {};
      default:
        return assertNever(request);
    }
  }

  #inspect(): ThreadInspection {
    const { rtspPublishers, rtspSources } = this.#ingress;
    return {
      activeResources: activeResources(),
      streams: this.#streams.size,
      sessions: this.#sessions.size,
      sockets: { media: 1, rtspPublishers, rtspSources },
    };
  }

  #stream(path: string): Stream {
    const stream = this.#streams.get(path);
    if (stream === undefined) throw new ShardcastError('STREAM_NOT_FOUND', `no stream "${path}" in this worker`);
    return stream;
  }

  #openStream(path: string, slot: number, overridePublisher: boolean): void {
    const known = this.#streams.get(path);
    if (known !== undefined) {
      known.overridePublisher = overridePublisher;
      return;
    }
    const settings = this.#settings;
    const stream = new Stream({
      path,
      slot,
      fastPath: this.#fastPath,
      telemetry: this.#telemetry,
      cacheLimits: settings.keyframeCache,
      commons: this.#commons,
      maxPayloadBytes: settings.udpMaxPayloadSize - RTP_OVERHEAD_BYTES,
      nack: settings.nack,
      overridePublisher,
      publisherGraceMs: settings.publisherGraceMs,
      clock: monotonicEpochMs,
      log: this.#log,
      onOnline: (source, tracks) => this.#post({ event: 'stream-online', path, source, tracks: [...tracks] }),
      onOffline: (reason) => this.#post({ event: 'stream-offline', path, reason }),
      onPaceWanted: () => this.#pacer.add(stream),
    });
    this.#streams.set(path, stream);
    this.#schedule.add(stream, monotonicEpochMs());
  }

  #closeStream(path: string, reason: string): boolean {
    const stream = this.#streams.get(path);
    if (stream === undefined) return false;
    this.#streams.delete(path);
    this.#pacer.delete(stream);
    this.#schedule.delete(stream);
    this.#streamCpu.forget(stream.slot);
    const { source, publishers } = this.#ingress.takeOf(path);
    // Each is closed, whatever the others do.
    const ending = [
      ...source,
      stream,
      ...[...this.#sessions.values()].filter((session) => session.peer.path === path),
      ...publishers,
    ];
    for (const each of ending) {
      try {
        each.close(reason);
      } catch (error) {
        this.#guard.caught({ path, close() {} }, error);
      }
    }
    return true;
  }

  /** A new stream takes the place of one that threw, for main knows of nothing: its source and viewers were lost. */
  #streamFailed(stream: Stream, error: unknown): void {
    const { path, slot, overridePublisher } = stream;
    if (this.#streams.get(path) !== stream) return;
    const spec = this.#ingress.specOf(path);
    this.#guard.caught({ path, close: (reason) => this.#closeStream(path, reason) }, error);
    this.#openStream(path, slot, overridePublisher);
    if (spec !== undefined) this.#ingress.lose(path, spec);
  }

  #addSession(id: string, session: Session): void {
    this.#sessions.set(id, session);
    this.#schedule.add(session, monotonicEpochMs());
  }

  #sessionClosed(id: string, slot: number, reason: string): void {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    if (session !== undefined) this.#schedule.delete(session);
    this.#post({ event: 'session-closed', session: id, slot, reason });
  }

  #tick(nowMs: number): void {
    // One timer for all reports and deadlines of the worker.
    this.#schedule.run(nowMs, (member) => {
      try {
        member.sendReports(nowMs);
      } catch (error) {
        const stream = this.#streams.get(member.path);
        if (stream === member) this.#streamFailed(stream, error);
        else this.#guard.caught(member, error);
      }
    });
    for (const stream of [...this.#streams.values()]) {
      try {
        stream.tick(nowMs);
      } catch (error) {
        this.#streamFailed(stream, error);
      }
    }
    for (const session of [...this.#sessions.values()]) {
      try {
        session.tick(nowMs);
      } catch (error) {
        this.#guard.caught(session, error);
      }
    }
    if (nowMs - this.#vitalsAtMs < VITALS_MS) return;
    this.#sampleVitals(nowMs);
    this.#ingress.reopenLost((path) => this.#streams.get(path));
  }

  #sampleVitals(nowMs: number): void {
    this.#vitalsAtMs = nowMs;
    const counters = this.#telemetry.counters;
    counters[WORKER.sessions] = this.#sessions.size;
    counters[WORKER.streams] = this.#streams.size;
    counters[WORKER.turnsWaiting] = this.#turns.length;
    const used = this.#mux.queued === 0 ? 0 : (this.#pool?.used ?? 0);
    counters[WORKER.poolSlotsUsed] = used;
    counters[WORKER.poolSlotsFree] = (this.#pool?.slots ?? 0) - used;
    this.#telemetry.add(WORKER.keyframeCacheRefused, this.#commons.chunks.takeRefused());
    const spent = this.#vitals.sample();
    this.#streamCpu.share(
      Array.from(this.#streams.values(), (stream) => stream.slot),
      spent,
    );
  }

  #beat(): void {
    const counters = this.#telemetry.counters;
    counters[WORKER.heartbeat] = (counters[WORKER.heartbeat] as number) + 1;
  }
}
