import type { Log } from '#shared/process/logger.ts';
import type { ProgramOptions } from './command/program.ts';
import type { WorkerConfig } from './config.ts';
import type { CrashExit } from './crash-exit.ts';

export interface ProgramParts {
  readonly generation: number;
  /** The environment of this process. */
  readonly env: NodeJS.ProcessEnv;
  readonly crashExit: CrashExit;
  readonly log: Log;
}

/** The part of `START_TIMEOUT_MS` after which the worker says why its program is not ready, and ends. */
const startShare = 0.9;

/** @returns how the program of `COMMAND` is run; undefined if there is none. */
export function programOptions(
  { command, commandReady, replica, startTimeoutMs }: WorkerConfig,
  { generation, env, crashExit, log }: ProgramParts,
): ProgramOptions | undefined {
  if (command === undefined) return undefined;
  return {
    command,
    readyPath: commandReady,
    replica,
    generation,
    env,
    // The clock starts with this process. If the whole time passed, the controller would kill the worker first.
    readyBy: startTimeoutMs * startShare,
    onEnded: (end) => void crashExit.onProgramEnded(end),
    log,
  };
}
