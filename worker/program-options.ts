import type { ProgramEnd, ProgramOptions } from './command/program.ts';
import type { OpenWorker } from './compose-worker.ts';

/** The part of `START_TIMEOUT_MS` after which the worker says why its program is not ready, and ends. */
const startShare = 0.9;

/**
 * @param env of this process.
 * @param onEnded called if the program ends by itself after it was ready.
 * @returns how the program of `COMMAND` is run; undefined if there is none.
 */
export function programOptions(
  { config, replica, generation, log }: OpenWorker,
  env: NodeJS.ProcessEnv,
  onEnded: (end: ProgramEnd) => void,
): ProgramOptions | undefined {
  const { command, commandReady: readyPath, startTimeoutMs, logFormat } = config;
  if (command === undefined) return undefined;
  // The clock starts with this process. If the whole time passed, the controller would kill the worker first.
  const readyBy = startTimeoutMs * startShare;
  return { command, readyPath, replica, generation, env, readyBy, onEnded, log, logFormat };
}
