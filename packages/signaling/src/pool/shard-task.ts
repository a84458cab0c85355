import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { workerData } from 'node:worker_threads';
import type { WorkerBoot, WorkerSettings } from '@shardcast/shared';

/** What the pool's threads are started with. */
export type ThreadData = {
  /** URL of the worker's module, whose default export runs until it is told to stop. */
  readonly entry: string;
};

type Certificate = WorkerSettings['certificate'];

/** Before there is anything to run: a thread is ready for its task the sooner. A fault is told by what needs the module. */
const loading = load((workerData as ThreadData).entry);
loading.catch(() => {});

/**
 * The pool's task. A worker that fails takes its thread along: piscina gives a thread whose task merely rejected to the
 * next task, with all the sockets and timers that the first has left.
 */
export default async function runShard(boot: WorkerBoot): Promise<void> {
  try {
    await functionOf<(boot: WorkerBoot) => Promise<void>>(await loading, 'default')(boot);
  } catch (error) {
    await new Promise(() => {
      setImmediate(() => {
        throw error; // uncaught: the thread ends with this reason
      });
    });
  }
}

/** A certificate for all workers, made where the code for it is loaded anyway. */
export async function makeCertificate(): Promise<Certificate> {
  return functionOf<() => Promise<Certificate>>(await loading, 'makeCertificate')();
}

/** In a thread the development loader (tsx) hooks `require` alone; built code is plain ESM. */
async function load(entry: string): Promise<unknown> {
  return entry.endsWith('.ts') ? createRequire(import.meta.url)(fileURLToPath(entry)) : import(entry);
}

function functionOf<T>(module: unknown, name: string): T {
  const found = (module as Record<string, unknown>)[name];
  if (typeof found !== 'function') throw new TypeError(`the worker module exports no function ${name}`);
  return found as T;
}
