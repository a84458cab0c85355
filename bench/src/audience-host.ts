import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOf } from '@shardcast/load';
import type { SrtpProfile } from '@shardcast/sfu-worker/peer';
import { emptyTally, type Tally } from './audience.ts';
import type { AudienceReply, AudienceRequest } from './audience-process.ts';

const SCRIPT = fileURLToPath(new URL('audience-process.ts', import.meta.url));
/** A datagram socket's descriptor is only to be had by a deprecated property. */
const QUIET = ['--disable-warning=DEP0112'];
const JOINS_AT_ONCE = 8;

export type JoinOptions = { readonly checking?: number; readonly atOnce?: number };

/** Viewers in a process of their own, so that neither cameras nor other viewers wait for their work. */
export class AudienceHost {
  readonly #process: ChildProcess;
  readonly #profiles: readonly SrtpProfile[];
  readonly #waiting = new Map<number, { resolve: (reply: AudienceReply) => void; reject: (error: Error) => void }>();
  #lastId = 0;
  /** Joined so far. */
  viewers = 0;

  /** @param isPolite leaves the processor to others that want it */
  constructor(profiles: readonly SrtpProfile[], isPolite = false) {
    this.#profiles = profiles;
    this.#process = fork(SCRIPT, { execArgv: ['--conditions=source', '--import=tsx', ...QUIET] });
    if (isPolite && this.#process.pid !== undefined) setPriority(this.#process.pid, 10);
    this.#process.on('message', (reply: AudienceReply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.error === undefined) waiting?.resolve(reply);
      else waiting?.reject(new Error(reply.error));
    });
    this.#process.on('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the viewers' process ended with ${code}`));
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Of viewers and sinks so far. */
  cpuSeconds(): number {
    const { pid } = this.#process;
    if (pid === undefined) return 0;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
    return [pid, ...children].reduce((sum, each) => sum + cpuSecondsOf(each), 0);
  }

  /** Resolves when all are connected. */
  async join(urls: readonly string[], { checking = urls.length, atOnce = JOINS_AT_ONCE }: JoinOptions = {}) {
    await this.#ask({ type: 'join', urls, checking, atOnce, profiles: this.#profiles });
    this.viewers += urls.length;
  }

  /** The longest there go, `vanishing` of them without a word. Only of viewers that all check. */
  async leave(count: number, vanishing: number): Promise<void> {
    await this.#ask({ type: 'leave-some', count, vanishing });
    this.viewers -= count;
  }

  async reset(): Promise<void> {
    await this.#ask({ type: 'reset' });
  }

  async tally(): Promise<Tally> {
    return (await this.#ask({ type: 'tally' })).tally ?? emptyTally();
  }

  /** Every viewer hangs up. */
  async close(): Promise<void> {
    await this.#ask({ type: 'leave' }).catch(() => {});
    this.#process.disconnect();
  }

  async #ask(request: AudienceRequest): Promise<AudienceReply> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, request });
    });
  }
}
