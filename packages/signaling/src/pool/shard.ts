import type { EventLoopUtilization } from 'node:perf_hooks';
import { MessageChannel, type Transferable, type Worker } from 'node:worker_threads';
import {
  type ControlRequest,
  type ControlResult,
  MAX_SESSIONS,
  PortClient,
  SESSION_DOUBLES,
  ShardcastError,
  Telemetry,
  WORKER,
  type WorkerBoot,
  type WorkerEvent,
  type WorkerSettings,
} from '@shardcast/shared';
import type { Logger } from '../logging/logger.ts';
import type { ShardView } from '../paths/media.ts';

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
const START_MS = 15_000;
/** A thread that lived this long was healthy: its successor starts at once. */
const HEALTHY_MS = 5000;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 10_000;

export type ShardOptions = {
  readonly settings: WorkerSettings;
  /** Runs the endless task in a thread of the pool; settles when the thread or the task ends. */
  readonly run: (boot: WorkerBoot, transfer: Transferable[], signal: AbortSignal) => Promise<void>;
  /** The pool's thread by its id. */
  readonly thread: (threadId: number) => Worker | undefined;
  /** CPU time of a thread of this process so far, by the system's id; NaN where the system does not tell. */
  readonly cpuSeconds: (systemThreadId: number) => number;
  readonly log: Logger;
  readonly clock: () => number;
  readonly onUp: () => void;
  readonly onLost: (reason: string) => void;
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
  udpPort: number | undefined;
  readonly #options: ShardOptions;
  readonly #telemetryBuffer = Telemetry.allocate();
  readonly #sessionCounters = new SharedArrayBuffer(MAX_SESSIONS * SESSION_DOUBLES * Float64Array.BYTES_PER_ELEMENT);
  #port: PortClient | undefined;
  #abort = new AbortController();
  #threadId = -1;
  #cpuSeconds: () => number = () => Number.NaN;
  #cpuAtBeat = Number.NaN;
  #utilization: EventLoopUtilization | undefined;
  #startedAtMs = 0;
  #lastBeat = -1;
  #lastBeatAtMs = 0;
  #failures = 0;
  #lostBecause: string | undefined;
  #respawn: NodeJS.Timeout | undefined;
  #stopped: (() => void) | undefined;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.worker = options.settings.worker;
    this.telemetry = new Telemetry(this.#telemetryBuffer);
  }

  start(): void {
    const { port1, port2 } = new MessageChannel();
    const { clock, log } = this.#options;
    this.#startedAtMs = clock();
    this.#lastBeat = -1;
    this.#lastBeatAtMs = this.#startedAtMs;
    this.#lostBecause = undefined;
    this.#abort = new AbortController();
    this.#port = new PortClient(
      port1,
      (event) => this.#event(event),
      (error) => log.error({ worker: this.worker, err: error }, 'worker protocol error'),
    );
    const boot: WorkerBoot = {
      settings: this.#options.settings,
      port: port2,
      telemetry: this.#telemetryBuffer,
      sessionCounters: this.#sessionCounters,
    };
    this.#options.run(boot, [port2], this.#abort.signal).then(
      () => this.#ended('its task ended'),
      (error: unknown) => this.#ended(this.#lostBecause ?? (error instanceof Error ? error.message : String(error))),
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
    this.#kill(reason);
    return true;
  }

  /** Looks at the heartbeat; the pool's one timer calls it. */
  watch(nowMs: number): void {
    if (this.state !== 'up' && this.state !== 'starting') return;
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
        this.#kill(`no heartbeat for ${Math.round(silentMs)} ms`);
      }
    }
    if (this.state === 'starting' && nowMs - this.#startedAtMs > START_MS) this.#kill('it did not start in time');
  }

  /** Main was busy itself and saw no heartbeats: that proves nothing about the worker. */
  forgive(nowMs: number): void {
    this.#lastBeatAtMs = nowMs;
  }

  eventLoopUtilization(): number {
    const thread = this.#options.thread(this.#threadId);
    if (thread === undefined) return 0;
    const now = thread.performance.eventLoopUtilization();
    const since = this.#utilization;
    this.#utilization = now;
    return thread.performance.eventLoopUtilization(now, since).utilization;
  }

  /** Asks the worker to say goodbye to its peers and waits for the thread's end, `deadlineMs` at most. */
  async stop(deadlineMs: number): Promise<void> {
    const wasUp = this.state === 'up';
    this.state = 'stopped';
    clearTimeout(this.#respawn);
    const ended = new Promise<void>((resolve) => {
      this.#stopped = resolve;
    });
    if (!wasUp || this.#port === undefined) {
      this.#abort.abort();
      return;
    }
    const deadline = setTimeout(() => this.#abort.abort(), deadlineMs);
    await this.#port.request({ type: 'stop' }).catch(() => this.#abort.abort());
    await ended;
    clearTimeout(deadline);
  }

  #kill(reason: string): void {
    this.#lostBecause = reason;
    this.#abort.abort();
  }

  #event(event: WorkerEvent): void {
    if (event.event === 'ready') {
      this.#threadId = event.threadId;
      const { systemThreadId } = event;
      this.#cpuSeconds =
        systemThreadId === undefined ? () => Number.NaN : () => this.#options.cpuSeconds(systemThreadId);
      this.#cpuAtBeat = this.#cpuSeconds();
      this.#utilization = undefined;
      this.udpPort = event.udpPort;
      this.fastPath = event.fastPath;
      if (this.state === 'stopped') return;
      this.state = 'up';
      this.#lastBeatAtMs = this.#options.clock();
      this.#options.onUp();
      return;
    }
    this.#options.onEvent(event);
  }

  #ended(reason: string): void {
    this.#port?.close();
    this.#port = undefined;
    this.#threadId = -1;
    if (this.state === 'stopped') {
      this.#stopped?.();
      return;
    }
    const nowMs = this.#options.clock();
    this.#failures = nowMs - this.#startedAtMs > HEALTHY_MS ? 0 : this.#failures + 1;
    this.state = 'restarting';
    this.restarts++;
    this.#options.onLost(reason);
    // The first death is answered at once; a thread that dies young again and again must not spin.
    const backoffMs = this.#failures <= 1 ? 0 : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#failures - 2));
    this.#respawn = setTimeout(() => {
      this.state = 'starting';
      this.start();
    }, backoffMs);
  }
}
