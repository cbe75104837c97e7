import { pino } from 'pino';
import type { Logger } from 'pino';
import { lineFormat } from './pretty-lines.ts';
import type { LogFormat } from './pretty-lines.ts';
import { safeError } from './safe-error.ts';
import { writeStderr } from './stderr.ts';

export type { Logger } from 'pino';

/** The part of a logger that a connection or a lease needs. */
export interface Log {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Shows an error under any field name in the same way as one under `err`. */
const formatters = {
  log: (fields: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        name !== 'err' && value instanceof Error ? safeError(value) : value,
      ]),
    ),
};

/**
 * @param role of this process: gateway, controller or worker.
 * @param format of the lines.
 * @returns a logger that writes to stderr. stdout is for the output of commands.
 */
export function createLogger(
  role: string,
  level: string,
  fields: Record<string, unknown> = {},
  format: LogFormat = 'json',
): Logger {
  const pretty = lineFormat(format);
  return pino(
    { level, base: { role, pid: process.pid, ...fields }, serializers: { err: safeError }, formatters },
    pretty === undefined
      ? pino.destination({ dest: 2, sync: false })
      : { write: (line: string) => void writeStderr(`${pretty(line.trimEnd())}\n`) },
  );
}
