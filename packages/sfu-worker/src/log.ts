import type { WorkerEvent, WorkerSettings } from '@shardcast/shared';

/** The worker's log, as a module sees it. Lines go to main, which redacts and writes them. */
export interface WorkerLog {
  error(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  debug(message: string, fields?: Record<string, unknown>): void;
}

const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

/** Lines go to main, which redacts and writes them: one writer a process. */
export function portLog(level: WorkerSettings['logLevel'], post: (event: WorkerEvent) => void): WorkerLog {
  const enabled = LOG_LEVELS.indexOf(level);
  const line =
    (at: (typeof LOG_LEVELS)[number]) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      if (LOG_LEVELS.indexOf(at) <= enabled) post({ event: 'log', level: at, message, fields });
    };
  return { error: line('error'), warn: line('warn'), info: line('info'), debug: line('debug') };
}
