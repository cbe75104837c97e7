import { writeFileSync } from 'node:fs';
import type { Log } from '#shared/process/logger.ts';

/**
 * Sets the time of a file to now, and makes it if it is not there. It waits for the file, because the threads that Node does
 * it with otherwise may all be taken by a handler.
 */
export function touch(file: string, log: Log): void {
  try {
    writeFileSync(file, '');
  } catch (error) {
    log.warn({ err: error }, 'the health file could not be touched');
  }
}
