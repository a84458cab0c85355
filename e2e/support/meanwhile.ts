import { setTimeout as pause } from 'node:timers/promises';

/** Does `chore` again and again, 2 ms apart, until `work` has ended. Fails with the first error of either. */
export async function meanwhile<T>(chore: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  let ended = false;
  const chores = async () => {
    while (!ended) {
      await chore();
      await pause(2);
    }
  };
  const done = work().finally(() => {
    ended = true;
  });
  const [result] = await Promise.all([done, chores()]);
  return result;
}
