import { placeOf } from '#shared/process/error-places.ts';
import type { Logger } from '#shared/process/logger.ts';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { CommandFailure } from './command/command-failure.ts';
import type { Handler } from './handlers/handler.ts';
import { HandlerLoadError } from '#shared/contract/handler-load-error.ts';

export interface HandlerLoadingOptions {
  readonly connection: Connection;
  readonly replica: string;
  readonly generation: number;
  readonly log: Logger;
}

/**
 * Loads a worker's handler. If it cannot be loaded, that is logged, and noted as the crash of this worker.
 * @throws what `load` throws.
 */
export async function loadHandler(
  load: () => Promise<Handler>,
  options: HandlerLoadingOptions,
): Promise<Handler> {
  try {
    return await load();
  } catch (error) {
    if (error instanceof HandlerLoadError) await tell(error, options);
    throw error;
  }
}

async function tell(failure: HandlerLoadError, options: HandlerLoadingOptions): Promise<void> {
  const { connection, replica, generation, log } = options;
  const { message: reason, frame, cause } = failure;
  // The stack of a syntax error, or of a missing package, names no file of the user's.
  const err = placeOf(cause) === undefined ? {} : { err: cause };
  // A driver passes on only one of the lines in which several workers say the same.
  log.fatal({ ...(frame === undefined ? {} : { frame }), ...err, alike: true }, reason);
  const stderr = failure instanceof CommandFailure ? { stderr: failure.stderr } : {};
  const crash = { generation, at: clockOf(connection).now(), reason, ...stderr };
  try {
    await new CrashNotes(connection).note(replica, crash);
  } catch (error) {
    log.debug({ err: error }, 'the failure was not noted');
  }
}
