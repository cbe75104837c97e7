import { writeFileSync } from 'node:fs';
import type { Log } from '#shared/process/logger.ts';

/**
 * Sets the time of a file to now, and creates the file if it is missing. It is synchronous, because a handler
 * may occupy all threads of Node's pool.
 */
export function touch(file: string, log: Log): void {
  try {
    writeFileSync(file, '');
  } catch (error) {
    log.warn({ err: error }, 'the health file could not be touched');
  }
}
