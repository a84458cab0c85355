import type { SourceSpec, WorkerEvent } from '@shardcast/shared';
import { pino } from 'pino';
import type { AdmissionLimits } from '../src/paths/admission.ts';
import type { Caller, PathEvent } from '../src/paths/media.ts';
import { PathManager } from '../src/paths/path-manager.ts';
import type { PathRule, PathRules } from '../src/paths/path-rules.ts';
import type { WorkerLoss } from '../src/pool/shard.ts';
import { FakeShard } from './fake-shard.ts';

export const CAMERA: SourceSpec = { type: 'rtsp', url: 'rtsp://camera/1', transport: 'tcp', fingerprint: '' };
export const GRACE_MS = 10_000;
export const HOLD_MS = 2000;

export const NO_LIMITS: AdmissionLimits = {
  connectingPerClient: 0,
  connectingPerWorker: 0,
  publishersPerClient: 0,
  readersPerClient: 0,
  sessions: 0,
};

/** Somebody at that address, who may stay. */
export function from(remoteAddr: string): Caller {
  return { remoteAddr, lifetimeMs: Number.POSITIVE_INFINITY };
}

/** Paths by name; `all` admits the rest to publishers. */
export function rules(paths: Record<string, Partial<PathRule>>, { all = true } = {}): PathRules {
  return {
    configured: Object.keys(paths),
    resolve: (name) => {
      const confName = name in paths ? name : all ? 'all_others' : undefined;
      return confName === undefined
        ? undefined
        : { confName, source: 'publisher', maxReaders: 0, overridePublisher: true, ...paths[name] };
    },
  };
}

/** A path manager over fake workers, whose clock is the test's. */
export class TestPaths {
  readonly shards: readonly FakeShard[];
  readonly manager: PathManager;
  readonly events: PathEvent[] = [];
  readonly lines: Record<string, unknown>[] = [];
  nowMs = 1_000_000;

  constructor({ workers = 2, paths = rules({}), up = true, limits = NO_LIMITS } = {}) {
    this.shards = Array.from({ length: workers }, (_, worker) => new FakeShard(worker));
    const write = (line: string) => void this.lines.push(JSON.parse(line));
    this.manager = new PathManager({
      shards: this.shards,
      rules: paths,
      log: pino({ level: 'trace', base: null }, { write }),
      clock: () => this.nowMs,
      startHoldMs: HOLD_MS,
      publisherGraceMs: GRACE_MS,
      limits,
    });
    this.manager.onPathEvent((event) => this.events.push(event));
    for (const shard of this.shards) shard.tell = (event: WorkerEvent) => this.manager.workerEvent(shard.worker, event);
    if (!up) for (const shard of this.shards) shard.state = 'starting';
    else this.manager.workerUp(0);
  }

  shard(worker: number | undefined): FakeShard {
    const shard = this.shards[worker ?? -1];
    if (shard === undefined) throw new Error(`no worker ${worker}`);
    return shard;
  }

  /** The worker that a path lives on. */
  home(path: string): FakeShard {
    return this.shard(this.manager.path(path)?.worker);
  }

  come(worker: number): void {
    this.shard(worker).state = 'up';
    this.manager.workerUp(worker);
  }

  lose(worker: number, { reason = 'a bug', isDeliberate = false, ...evidence }: Partial<WorkerLoss> = {}): void {
    this.shard(worker).die();
    this.manager.workerLost(worker, { reason, isDeliberate, ...evidence });
  }

  /** A publisher that is online. @returns its session. */
  async live(path: string): Promise<string> {
    const { session } = await this.manager.publish(path, 'offer', from('192.0.2.1:1'));
    this.home(path).online(path);
    return session;
  }

  watch(path: string) {
    return this.manager.subscribe(path, 'offer', from('192.0.2.2:2'));
  }
}

/** Promises have run, and what they posted has been heard. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
