import { signal } from '@preact/signals';
import { getBytes } from '../api/client.ts';
import { type Profile, readProfile, unzipped } from './pprof.ts';

export type Capture = {
  readonly id: number;
  readonly kind: 'cpu' | 'heap';
  /** `all`, `main`, or a worker's number. */
  readonly thread: string;
  readonly seconds: number;
  readonly takenAt: Date;
  readonly profile: Profile;
  /** As it came, to be kept. */
  readonly file: Uint8Array<ArrayBuffer>;
};

export type Request = Pick<Capture, 'kind' | 'thread' | 'seconds'>;

/** In the page's memory alone. */
const MOST = 8;

/** The newest first. They outlive a visit to other pages. */
export const captures = signal<readonly Capture[]>([]);
let last = 0;

/** @throws ApiError, or RangeError when what comes is no profile */
export async function capture({ kind, thread, seconds }: Request, signal: AbortSignal): Promise<Capture> {
  const query = new URLSearchParams();
  if (kind === 'cpu') query.set('seconds', String(seconds));
  if (thread !== 'all') query.set('worker', thread);
  const file = await getBytes(`debug/pprof/${kind === 'cpu' ? 'profile' : 'heap'}?${query}`, signal);
  const taken: Capture = {
    id: ++last,
    kind,
    thread,
    seconds,
    takenAt: new Date(),
    profile: readProfile(await unzipped(file)),
    file,
  };
  captures.value = [taken, ...captures.value].slice(0, MOST);
  return taken;
}

export function nameOf({ id, kind, thread, takenAt }: Capture): string {
  const where = thread === 'all' ? 'all threads' : thread === 'main' ? 'main' : `worker ${thread}`;
  return `${id}: ${kind === 'cpu' ? 'CPU' : 'heap'}, ${where}, ${takenAt.toLocaleTimeString('en-GB')}`;
}

/** Gives the file to the user as pprof's tools read it. */
export function download({ kind, thread, takenAt, file }: Capture): void {
  const url = URL.createObjectURL(new Blob([file], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${kind}-${thread}-${takenAt.toISOString().replaceAll(/[:.]/g, '-')}.prof`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
