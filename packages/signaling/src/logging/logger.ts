import type { Config } from '@shardcast/shared/config';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { LogRing } from './log-ring.ts';
import { redactFields } from './redact.ts';

export type { Logger } from 'pino';

const INFO = 30;

/**
 * Structured lines to standard error, as JSON. Every line is redacted whole (message, fields, errors with their stacks,
 * what child loggers bound), because a list of fields to redact is never complete.
 * @param options.destination for tests
 * @param options.ring keeps the last lines, as they were written
 */
export function createLogger(
  level: Config['logLevel'],
  { destination, ring }: { readonly destination?: DestinationStream; readonly ring?: LogRing } = {},
): Logger {
  // Synchronous: lines before a crash are the ones that matter, and there is no line a packet.
  const out = destination ?? pino.destination({ dest: 2, sync: true });
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label, number) => ({ level: label, severity: number }) },
    },
    {
      write(line) {
        const redacted = redactLine(line);
        ring?.add(redacted);
        out.write(`${redacted}\n`);
      },
    },
  );
}

function redactLine(line: string): string {
  // pino writes one JSON object a line.
  const fields: Record<string, unknown> = JSON.parse(line);
  const { severity, ...shown } = fields;
  return JSON.stringify(redactFields(shown, typeof severity === 'number' && severity < INFO));
}
