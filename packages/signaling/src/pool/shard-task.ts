import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { WorkerBoot } from '@shardcast/shared';

/** What the pool's threads are given. */
export type ShardTask = {
  /** URL of the worker's module, whose default export runs until it is told to stop. */
  readonly entry: string;
  readonly boot: WorkerBoot;
};

/**
 * The pool's task. A worker that fails takes its thread along: piscina gives a thread whose task merely rejected to the
 * next task, with all the sockets and timers that the first has left.
 */
export default async function runShard({ entry, boot }: ShardTask): Promise<void> {
  try {
    await entryPoint(await load(entry))(boot);
  } catch (error) {
    await new Promise(() => {
      setImmediate(() => {
        throw error; // uncaught: the thread ends with this reason
      });
    });
  }
}

/** In a thread the development loader (tsx) hooks `require` alone; built code is plain ESM. */
function load(entry: string): Promise<unknown> {
  if (!entry.endsWith('.ts')) return import(entry);
  return Promise.resolve(createRequire(import.meta.url)(fileURLToPath(entry)));
}

function entryPoint(module: unknown): (boot: WorkerBoot) => Promise<void> {
  if (typeof module === 'object' && module !== null && 'default' in module && typeof module.default === 'function') {
    const { default: run } = module;
    return async (boot) => {
      await run(boot);
    };
  }
  throw new TypeError('the worker module has no function as its default export');
}
