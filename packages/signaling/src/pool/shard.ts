import type { EventLoopUtilization } from 'node:perf_hooks';
import { MessageChannel, type Transferable, type Worker } from 'node:worker_threads';
import {
  type ControlRequest,
  type ControlResult,
  HANDLING_VIEWER,
  MAX_SESSIONS,
  PortClient,
  SESSION_DOUBLES,
  ShardcastError,
  Telemetry,
  WORKER,
  type WorkerBoot,
  type WorkerEvent,
  type WorkerField,
  type WorkerSettings,
} from '@shardcast/shared';
import { LimitedLog } from '../logging/limited-log.ts';
import type { Logger } from '../logging/logger.ts';
import type { ShardView } from '../paths/media.ts';
import type { Handling } from './blame.ts';
import type { WorkerThreads } from './worker-threads.ts';

/** A worker whose heartbeat stands still this long, while it burns CPU, hangs. */
const HANG_MS = 1000;
/**
 * CPU time without a heartbeat that proves it. A thread that got no processor on a crowded host proves nothing: killing it
 * would cost its viewers their picture for the host's fault.
 */
const HANG_CPU_SECONDS = 0.6;
/** Silent this long it is taken for lost whatever it burns: it may wait for something that never comes. */
const SILENT_MS = 5000;
/** Loading the code of a new thread takes a while on a busy host. */
const START_MS = 10_000;
/** A thread that was up this long was healthy: its successor starts at once. */
const HEALTHY_MS = 5000;
const MAX_BACKOFF_MS = 10_000;
const BACKOFF_JITTER = 0.2;
const UTILIZATION_MS = 1000;
/** What describes a thread rather than counts what it did: a dead one has none of it. */
const GAUGES = [
  'heapBytes',
  'externalBytes',
  'activeResources',
  'eventLoopLagSeconds',
  'sessions',
  'streams',
  'poolSlotsFree',
  'poolSlotsUsed',
  'turnsWaiting',
] as const satisfies readonly WorkerField[];

/** How a worker was lost. */
export type WorkerLoss = {
  readonly reason: string;
  /** It was ended on purpose: nothing that ran in it is to blame. */
  readonly isDeliberate: boolean;
  /** Whose input it handled at its end; undefined when nobody's, or when that proves nothing. */
  readonly handling?: Handling;
};

export type ShardOptions = {
  /** Asked at every start of a thread; `worker` is always the same. */
  readonly settings: () => WorkerSettings;
  readonly threads: Pick<WorkerThreads, 'run' | 'thread'>;
  /** CPU time of a thread of this process so far, by the system's id; NaN where the system does not tell. */
  readonly cpuSeconds: (systemThreadId: number) => number;
  readonly log: Logger;
  readonly clock: () => number;
  readonly firstBackoffMs: number;
  readonly onUp: () => void;
  readonly onLost: (loss: WorkerLoss) => void;
  readonly onEvent: (event: WorkerEvent) => void;
};

/**
 * One ordinal of the pool over all its threads: starts the endless task, sees it die or hang, and starts it again. The
 * counters are main's and go from thread to thread.
 */
export class Shard implements ShardView {
  readonly worker: number;
  readonly telemetry: Telemetry;
  state: ShardView['state'] = 'starting';
  restarts = 0;
  fastPath: ShardView['fastPath'];
  dtls: ShardView['dtls'];
  fastPathDetail: ShardView['fastPathDetail'];
  udpPort: number | undefined;
  settings: ShardView['settings'];
  readonly #options: ShardOptions;
  /** A worker whose events are wrong sends them at the rate of its packets, should a stranger know how. */
  readonly #log: LimitedLog;
  readonly #telemetryBuffer = Telemetry.allocate();
  readonly #sessionCounters = new SharedArrayBuffer(MAX_SESSIONS * SESSION_DOUBLES * Float64Array.BYTES_PER_ELEMENT);
  #port: PortClient | undefined;
  #abort = new AbortController();
  #threadId = -1;
  #cpuSeconds: () => number = () => Number.NaN;
  #cpuAtBeat = Number.NaN;
  #utilization: EventLoopUtilization | undefined;
  #utilizationAtMs = 0;
  #busy = 0;
  #generation = 0;
  #startedAtMs = 0;
  #upAtMs = Number.NaN;
  #lastBeat = -1;
  #lastBeatAtMs = 0;
  #failures = 0;
  #killedBecause: WorkerLoss | undefined;
  #respawn: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;
  #onEnd: () => void = () => {};

  constructor(options: ShardOptions) {
    this.#options = options;
    this.#log = new LimitedLog(options.log, { perSecond: 1, clock: options.clock });
    this.worker = options.settings().worker;
    this.telemetry = new Telemetry(this.#telemetryBuffer);
  }

  start(): void {
    const { port1, port2 } = new MessageChannel();
    const { clock } = this.#options;
    const generation = ++this.#generation;
    this.state = 'starting';
    this.#startedAtMs = clock();
    this.#upAtMs = Number.NaN;
    this.#lastBeat = -1;
    this.#lastBeatAtMs = this.#startedAtMs;
    this.#killedBecause = undefined;
    this.#abort = new AbortController();
    this.#port = new PortClient(
      port1,
      (event) => this.#event(event, generation),
      (fault) => this.#log.error({ worker: this.worker, fault }, 'worker protocol error'),
    );
    this.settings = this.#options.settings();
    const boot: WorkerBoot = {
      settings: this.settings,
      port: port2,
      telemetry: this.#telemetryBuffer,
      sessionCounters: this.#sessionCounters,
    };
    this.#options.threads
      .run(boot, [port2], this.#abort.signal)
      .then(() => this.#endThread())
      .then(
        () => this.#ended('its task ended'),
        (error: unknown) => this.#ended(error instanceof Error ? error.message : String(error)),
      );
  }

  /** @throws ShardcastError WORKER_LOST when it is not up, or dies before it answers. */
  request<T extends ControlRequest['type']>(
    request: Extract<ControlRequest, { type: T }>,
    transfer: readonly Transferable[] = [],
  ): Promise<ControlResult<T>> {
    if (this.state !== 'up' || this.#port === undefined) {
      return Promise.reject(new ShardcastError('WORKER_LOST', `worker ${this.worker} is not up`));
    }
    return this.#port.request(request, transfer);
  }

  /** Ends the thread and starts another. @returns false when there is none to end. */
  recycle(reason: string): boolean {
    if (this.state !== 'up') return false;
    this.#kill({ reason, isDeliberate: true });
    return true;
  }

  /** Looks at the heartbeat; the pool's one timer calls it. */
  watch(nowMs: number): void {
    if (this.state !== 'up' && this.state !== 'starting') return;
    if (nowMs - this.#utilizationAtMs >= UTILIZATION_MS) this.#sampleUtilization(nowMs);
    const beat = this.telemetry.counters[WORKER.heartbeat] as number;
    if (beat !== this.#lastBeat) {
      this.#lastBeat = beat;
      this.#lastBeatAtMs = nowMs;
      this.#cpuAtBeat = this.#cpuSeconds();
    }
    const silentMs = nowMs - this.#lastBeatAtMs;
    if (this.state === 'up' && silentMs > HANG_MS) {
      const burnt = this.#cpuSeconds() - this.#cpuAtBeat;
      if (!(burnt < HANG_CPU_SECONDS) || silentMs > SILENT_MS) {
        const reason = `no heartbeat for ${Math.round(silentMs)} ms`;
        // A thread that got no processor stands in the middle of whatever it was doing.
        this.#kill({ reason, isDeliberate: false, ...(burnt < HANG_CPU_SECONDS ? {} : this.#handling()) });
      }
    }
    if (this.state === 'starting' && nowMs - this.#startedAtMs > START_MS) {
      this.#kill({ reason: 'it did not start in time', isDeliberate: false });
    }
  }

  /** Main was busy itself and saw no heartbeats: that proves nothing about the worker. */
  forgive(nowMs: number): void {
    this.#lastBeatAtMs = nowMs;
  }

  /** 0..1 over the last second or so, whoever asks. */
  eventLoopUtilization(): number {
    return this.#busy;
  }

  /** Asks the worker to say goodbye to its peers and waits for the end, `deadlineMs` at most. Idempotent. */
  stop(deadlineMs: number): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const wasUp = this.state === 'up';
    const port = this.#port;
    this.state = 'stopped';
    clearTimeout(this.#respawn);
    if (port === undefined) return;
    const ended = new Promise<void>((resolve) => {
      this.#onEnd = resolve;
    });
    const deadline = setTimeout(() => this.#abort.abort(), deadlineMs);
    if (wasUp) port.request({ type: 'stop' }).catch(() => this.#abort.abort());
    else this.#abort.abort();
    await ended;
    clearTimeout(deadline);
  }

  #kill(loss: WorkerLoss): void {
    this.#killedBecause ??= loss;
    this.#abort.abort();
  }

  #event(event: WorkerEvent, generation: number): void {
    // What a dead thread still has to say is history, but its last lines may tell why it died.
    if (event.event === 'log') this.#options.onEvent(event);
    if (event.event === 'log' || generation !== this.#generation || this.state === 'stopped') return;
    if (event.event === 'ready') this.#ready(event);
    else this.#options.onEvent(event);
  }

  #ready(event: Extract<WorkerEvent, { event: 'ready' }>): void {
    const { systemThreadId } = event;
    this.#threadId = event.threadId;
    this.#cpuSeconds = systemThreadId === undefined ? () => Number.NaN : () => this.#options.cpuSeconds(systemThreadId);
    this.#cpuAtBeat = this.#cpuSeconds();
    this.udpPort = event.udpPort;
    this.fastPath = event.fastPath;
    this.dtls = event.dtls;
    this.fastPathDetail = event.fastPathDetail;
    this.state = 'up';
    this.#upAtMs = this.#options.clock();
    this.#lastBeatAtMs = this.#upAtMs;
    this.#sampleUtilization(this.#upAtMs);
    this.#options.onUp();
  }

  #sampleUtilization(nowMs: number): void {
    const { performance } = this.#thread() ?? {};
    this.#utilizationAtMs = nowMs;
    if (performance === undefined) return;
    const now = performance.eventLoopUtilization();
    this.#busy = performance.eventLoopUtilization(now, this.#utilization).utilization;
    this.#utilization = now;
  }

  #thread(): Worker | undefined {
    return this.#threadId < 0 ? undefined : this.#options.threads.thread(this.#threadId);
  }

  /** A task that ended unasked has left things behind, and the pool would give its thread to the next task. */
  async #endThread(): Promise<void> {
    if (this.state !== 'stopped') await this.#thread()?.terminate();
  }

  #ended(message: string): void {
    const port = this.#port;
    this.#port = undefined;
    this.#generation++;
    this.#threadId = -1;
    this.#utilization = undefined;
    this.#busy = 0;
    this.#cpuSeconds = () => Number.NaN;
    // What was posted before the end is in the port already; this turn of the loop delivers it.
    setImmediate(() => port?.close());
    for (const gauge of GAUGES) this.telemetry.counters[WORKER[gauge]] = 0;
    if (this.state === 'stopped') {
      this.#onEnd();
      return;
    }
    const loss = this.#killedBecause ?? { reason: message, isDeliberate: false, ...this.#handling() };
    this.telemetry.leave(0);
    const wasHealthy = loss.isDeliberate || this.#options.clock() - this.#upAtMs > HEALTHY_MS;
    this.#failures = wasHealthy ? 0 : this.#failures + 1;
    this.state = 'restarting';
    this.restarts++;
    this.#respawn = setTimeout(() => this.start(), this.#backoffMs());
    this.#options.onLost(loss);
  }

  #handling(): Pick<WorkerLoss, 'handling'> {
    const whose = this.telemetry.worker('handling');
    if (whose === 0) return {};
    return { handling: whose === HANDLING_VIEWER ? 'viewer' : { slot: whose - 1 } };
  }

  /** The first death is answered at once; a thread that dies young again and again must not spin. */
  #backoffMs(): number {
    if (this.#failures <= 1) return 0;
    const backoffMs = Math.min(MAX_BACKOFF_MS, this.#options.firstBackoffMs * 2 ** (this.#failures - 2));
    return backoffMs * (1 + BACKOFF_JITTER * (2 * Math.random() - 1));
  }
}
