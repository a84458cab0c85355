import type { Transferable } from 'node:worker_threads';
import {
  type ControlRequest,
  type ControlResult,
  ShardcastError,
  Telemetry,
  type WorkerEvent,
} from '@shardcast/shared';
import { expect } from 'vitest';
import type { PathShard } from '../src/paths/housing.ts';

type Answer = ControlResult<ControlRequest['type']>;

/**
 * A worker as the path manager sees it: it keeps streams and sessions, refuses what a worker refuses, and fails the test
 * when a slot is given to two at once.
 */
export class FakeShard implements PathShard {
  readonly worker: number;
  readonly telemetry = new Telemetry(Telemetry.allocate());
  state: PathShard['state'] = 'up';
  busy = 0;
  readonly requests: ControlRequest[] = [];
  /** Path to telemetry slot. */
  readonly streams = new Map<string, number>();
  readonly sources = new Map<string, string>();
  /** Paths whose publishers may be taken over. */
  readonly overriding = new Set<string>();
  readonly sessions = new Map<string, { readonly path: string; readonly slot: number; readonly kind: string }>();
  readonly #takenSlots = new Set<number>();
  /** Paths whose next requests fail, and how. */
  readonly failures = new Map<string, ShardcastError>();
  /** Answers nothing until it is resolved. */
  gate: Promise<void> = Promise.resolve();
  /** The highest slots ever given. */
  highestSession = -1;
  highestStream = -1;
  /** How events get to main. */
  tell: (event: WorkerEvent) => void = () => {};
  #lost: ((error: ShardcastError) => void) | undefined;
  #loss: Promise<never> | undefined;

  constructor(worker: number) {
    this.worker = worker;
  }

  eventLoopUtilization(): number {
    return this.busy;
  }

  async request<T extends ControlRequest['type']>(
    request: Extract<ControlRequest, { type: T }>,
    _transfer: readonly Transferable[] = [],
  ): Promise<ControlResult<T>> {
    if (this.state !== 'up') throw new ShardcastError('WORKER_LOST', `worker ${this.worker} is not up`);
    this.#loss ??= new Promise<never>((_resolve, reject) => {
      this.#lost = reject;
    });
    this.#loss.catch(() => undefined);
    this.requests.push(request);
    await Promise.race([this.gate, this.#loss]);
    // The switch answers each type with its own result, which the compiler cannot follow.
    return this.#handle(request) as ControlResult<T>;
  }

  /** Ends the thread: what it owes is rejected, and it knows nothing any more. */
  die(): void {
    this.state = 'restarting';
    this.#lost?.(new ShardcastError('WORKER_LOST', 'the worker was lost before it answered'));
    this.#loss = undefined;
    this.streams.clear();
    this.sources.clear();
    this.sessions.clear();
    this.#takenSlots.clear();
  }

  online(path: string, source: 'whip' | 'rtsp-push' | 'rtsp-pull' | 'file' = 'whip'): void {
    const tracks = [{ kind: 'video' as const, codec: 'H264', clockRate: 90_000 }];
    this.tell({ event: 'stream-online', path, source, tracks });
  }

  offline(path: string, reason = 'the publisher left'): void {
    this.tell({ event: 'stream-offline', path, reason });
  }

  /** The session ends by itself. */
  endSession(session: string, reason = 'consent expired'): void {
    const slot = this.sessions.get(session)?.slot ?? -1;
    this.sessions.delete(session);
    this.#takenSlots.delete(slot);
    this.tell({ event: 'session-closed', session, slot, reason });
  }

  #handle(request: ControlRequest): Answer {
    const failure = 'path' in request ? this.failures.get(request.path) : undefined;
    if (failure !== undefined && request.type !== 'open-stream' && request.type !== 'close-stream') throw failure;
    switch (request.type) {
      case 'open-stream':
        this.#openStream(request.path, request.slot);
        if (request.overridePublisher) this.overriding.add(request.path);
        return {};
      case 'close-stream': {
        const closed = this.streams.delete(request.path);
        this.sources.delete(request.path);
        for (const [session, { path }] of this.sessions) if (path === request.path) this.endSession(session);
        return { closed };
      }
      case 'open-source':
        expect(this.streams.has(request.path)).toBe(true);
        this.sources.set(request.path, request.source.type);
        return {};
      case 'publish':
      case 'subscribe':
        this.#openSession(request.session, request.path, request.slot, request.type);
        return { answer: `answer to ${request.offer}` };
      case 'adopt-rtsp':
        this.#openSession(request.session, request.path, -1, request.type);
        return {};
      case 'restart-ice':
        if (!this.sessions.has(request.session)) throw new ShardcastError('SESSION_NOT_FOUND', 'no such session');
        return { ufrag: 'newU', pwd: 'newpasswordnewpassword' };
      case 'close-session': {
        const closed = this.sessions.has(request.session);
        if (closed) this.endSession(request.session, request.reason);
        return { closed };
      }
      case 'examine-stream':
        if (!this.streams.has(request.path)) throw new ShardcastError('STREAM_NOT_FOUND', 'no such stream');
        return { tracks: [] };
      case 'stop':
      case 'start-cpu-profile':
        return {};
      case 'stop-cpu-profile':
      case 'heap-profile':
        return { profile: new Uint8Array() };
      case 'inspect':
        return { activeResources: {}, streams: this.streams.size, sessions: this.sessions.size, sockets: {} };
    }
  }

  #openStream(path: string, slot: number): void {
    if (this.streams.get(path) === slot) return;
    expect(this.streams.has(path), `"${path}" is moved to another slot`).toBe(false);
    expect([...this.streams.values()], 'a telemetry slot has two owners').not.toContain(slot);
    expect(this.telemetry.stream(slot, 'inboundPackets'), 'a telemetry slot was not cleared').toBe(0);
    this.telemetry.counters[Telemetry.streamBase(slot)] = 1000;
    this.streams.set(path, slot);
    this.highestStream = Math.max(this.highestStream, slot);
  }

  #openSession(session: string, path: string, slot: number, kind: string): void {
    expect(this.streams.has(path), `"${path}" was not opened`).toBe(true);
    if (slot >= 0) {
      expect(this.#takenSlots.has(slot), 'a session slot has two owners').toBe(false);
      this.#takenSlots.add(slot);
    }
    this.sessions.set(session, { path, slot, kind });
    this.highestSession = Math.max(this.highestSession, slot);
  }
}
