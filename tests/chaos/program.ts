import { appendFileSync, closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { spawnTethered } from '#shared/process/tethered.ts';
import type { TetheredProcess } from '#shared/process/tethered.ts';

export interface ProgramOptions {
  /** A path or a name on PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** Beside PATH and HOME, which it inherits. */
  readonly env: NodeJS.ProcessEnv;
  /** Its working directory. */
  readonly cwd: string;
  /** Where its output is appended, that of its children included. */
  readonly logFile: string;
  /** Resolves the start when a line of its stdout matches; without it the start is not waited for. */
  readonly ready?: RegExp;
}

/** A real process of the suite, which ends when the suite ends. */
export interface Program extends TetheredProcess {
  /** Kills it at once; resolves when it has ended. */
  end(): Promise<void>;
}

/**
 * Starts a process as a user would.
 * @throws Error when it ended before it was ready.
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { command, args, env, cwd, logFile, ready } = options;
  const { PATH, HOME } = process.env;
  const log = openSync(logFile, 'a');
  const child = spawnTethered(command, args, {
    env: { PATH, HOME, ...env },
    cwd,
    stdout: 'pipe',
    stderr: log,
    onParentDeath: 'SIGKILL',
  });
  closeSync(log);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (ready === undefined) resolve();
  if (child.stdout !== null) {
    createInterface(child.stdout).on('line', (line) => {
      appendFileSync(logFile, `${line}\n`);
      if (ready?.test(line)) resolve();
    });
  }
  void child.exited.then(({ code, signal }) => {
    appendFileSync(logFile, `-- process ${child.pid} ended with ${signal ?? code}\n`);
    reject(new Error(`${command} ended with ${signal ?? code} before it was ready; see ${logFile}`));
  });
  await promise;
  return {
    ...child,
    end: async () => {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}
