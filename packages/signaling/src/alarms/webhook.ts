import { hookFetch } from '../guard/hook-fetch.ts';
import type { LineLog } from '../logging/limited-log.ts';
import type { Alarm } from './alarm-book.ts';
import { ALARM_RULES, runbookOf } from './rules.ts';

/** Attempts, and the pauses before the second and later ones. */
const PAUSES_MS = [1000, 5000, 30_000, 120_000];
/** A receiver that is down for long gets the newest of what it missed. */
const MAX_WAITING = 100;
/** What is worth another attempt: the receiver's trouble, not ours. */
const TRY_AGAIN = /^(?:408|425|429|5\d\d)$/;

/** Alertmanager's webhook payload, version 4. */
export type AlertPayload = {
  readonly version: '4';
  readonly groupKey: string;
  readonly truncatedAlerts: 0;
  readonly status: 'firing' | 'resolved';
  readonly receiver: 'shardcast';
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly externalURL: string;
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
    /** Year 1 while it fires, as Alertmanager has it. */
    readonly endsAt: string;
    readonly generatorURL: string;
    readonly fingerprint: string;
  }[];
};

const NO_END = '0001-01-01T00:00:00Z';

/** @param alarms firing or resolved ones, at least one */
export function alertPayload(
  alarms: readonly Alarm[],
  instance: string,
  isoTime: (ms: number) => string,
): AlertPayload {
  const alerts = alarms.map((alarm) => {
    const { id, name, labels, state, firingSinceMs, pendingSinceMs, resolvedAtMs, value, threshold, detail } = alarm;
    const { summary, advice, severity, unit } = ALARM_RULES[name];
    return {
      status: state === 'resolved' ? ('resolved' as const) : ('firing' as const),
      labels: { alertname: name, severity, instance, job: 'shardcast', ...labels },
      annotations: {
        summary: labels.path === undefined ? summary : `${summary}: ${labels.path}`,
        description: `${detail === undefined ? '' : `${detail}; `}${value} ${unit}, threshold ${threshold}. ${advice}`,
        runbook_url: runbookOf(name),
      },
      startsAt: isoTime(firingSinceMs ?? pendingSinceMs),
      endsAt: resolvedAtMs === undefined ? NO_END : isoTime(resolvedAtMs),
      generatorURL: '',
      fingerprint: fingerprint(`${instance}/${id}`),
    };
  });
  return {
    version: '4',
    groupKey: '{}:{}',
    truncatedAlerts: 0,
    status: alerts.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
    receiver: 'shardcast',
    groupLabels: {},
    commonLabels: common(alerts.map(({ labels }) => labels)),
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
    externalURL: '',
    alerts,
  };
}

/** The same 16 hexadecimal digits for the same alarm of the same server: FNV-1a, 64 bits. */
function fingerprint(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}

function common(each: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = each;
  return Object.fromEntries(
    Object.entries(first).filter(([key, value]) => others.every((other) => other[key] === value)),
  );
}

export type WebhookOptions = {
  readonly url: string;
  readonly timeoutMs: number;
  readonly log: LineLog;
  /** `hookFetch`, but for tests. */
  readonly post?: (url: string, init: RequestInit) => Promise<{ readonly status: number }>;
  /** Resolves after so long, or when the webhook is closed. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
};

/** One receiver: gets payloads one after the other, in order, several attempts each. */
export class Webhook {
  readonly #options: WebhookOptions;
  readonly #where: string;
  readonly #waiting: AlertPayload[] = [];
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#where = new URL(options.url).host; // the rest may be a secret
  }

  send(payload: AlertPayload): void {
    if (this.#abort.signal.aborted) return;
    if (this.#waiting.push(payload) > MAX_WAITING) this.#waiting.shift();
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** Gives up what was not sent. Idempotent. */
  close(): void {
    this.#abort.abort();
    this.#waiting.length = 0;
  }

  async #run(): Promise<void> {
    const { pause = wait } = this.#options;
    for (let payload = this.#waiting.shift(); payload !== undefined; payload = this.#waiting.shift()) {
      for (let attempt = 0; !this.#abort.signal.aborted; attempt++) {
        const failure = await this.#attempt(payload);
        if (failure === undefined) break;
        const pauseMs = failure.isFinal ? undefined : PAUSES_MS[attempt];
        this.#options.log.warn(
          { host: this.#where, attempt: attempt + 1, reason: failure.reason },
          pauseMs === undefined ? 'alarm webhook given up' : 'alarm webhook failed',
        );
        if (pauseMs === undefined) break;
        await pause(pauseMs, this.#abort.signal);
      }
    }
  }

  /** @returns undefined when it was taken. */
  async #attempt(payload: AlertPayload): Promise<{ readonly reason: string; readonly isFinal: boolean } | undefined> {
    const { url, timeoutMs, post = hookFetch } = this.#options;
    const { username, password, href } = new URL(url);
    const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString(
      'base64',
    );
    try {
      const { status } = await post(username === '' ? href : href.replace(/\/\/[^@/]*@/, '//'), {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          ...(username === '' ? {} : { Authorization: `Basic ${credentials}` }),
        },
        body: JSON.stringify(payload),
        redirect: 'manual', // a receiver does not send us elsewhere
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(timeoutMs)]),
      });
      if (status >= 200 && status < 300) return undefined;
      return { reason: `status ${status}`, isFinal: !TRY_AGAIN.test(String(status)) };
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return { reason: cause instanceof Error ? cause.message : String(cause), isFinal: false };
    }
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    timer.unref();
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
