import { pino } from 'pino';
import type { Logger } from 'pino';

export type { Logger } from 'pino';

/** The part of a logger that says something about one connection or lease. */
export interface Log {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * @param role who speaks: gateway, controller or worker.
 * @returns a logger that writes JSON lines to stderr; stdout is left to what a command prints for its user.
 */
export function createLogger(role: string, level: string, fields: Record<string, unknown> = {}): Logger {
  return pino(
    { level, base: { role, pid: process.pid, ...fields } },
    pino.destination({ dest: 2, sync: false }),
  );
}
