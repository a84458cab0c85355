import type { LineLog } from '../logging/limited-log.ts';

/** A connection, as the guard of its handlers sees it. One object a connection: its first fault is the one that is logged. */
export interface GuardedConnection {
  readonly log: Pick<LineLog, 'error'>;
  /** Which door it came in by, for the log. */
  readonly door: string;
  /** Ends it, whatever its state. Idempotent, and sure not to throw. */
  destroy(): void;
}

const faulty = new WeakSet<GuardedConnection>();

/**
 * A handler of one connection's events whose bugs cost that connection only: what it throws, or rejects with, is logged once
 * and ends the connection. Without it main would end, and with it everybody's media.
 */
export function guarded<A extends readonly unknown[]>(
  connection: GuardedConnection,
  handler: (...args: A) => void | Promise<void>,
): (...args: A) => void {
  return (...args) => {
    try {
      handler(...args)?.catch((error: unknown) => endFaulty(connection, error));
    } catch (error) {
      endFaulty(connection, error);
    }
  };
}

function endFaulty(connection: GuardedConnection, error: unknown): void {
  connection.destroy();
  if (faulty.has(connection)) return;
  faulty.add(connection);
  connection.log.error({ door: connection.door, err: error }, 'a connection ended by a bug in its handler');
}
