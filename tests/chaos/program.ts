import { appendFileSync, closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { spawnTethered } from '#shared/process/tethered.ts';
import type { TetheredProcess } from '#shared/process/tethered.ts';

export interface ProgramOptions {
  /** A path or a name on PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** Its environment, in addition to PATH and HOME, which it inherits. */
  readonly env: NodeJS.ProcessEnv;
  /** Its working directory. */
  readonly cwd: string;
  /** The file to append its output to, and that of its children. */
  readonly logFile: string;
  /** The process is ready when a line of its stdout matches; undefined: at once. */
  readonly ready?: RegExp;
}

/** A process that the suite has started. It ends with the suite. */
export interface Program extends TetheredProcess {
  /** Sends SIGKILL; resolves when the process has ended. */
  end(): Promise<void>;
}

/**
 * Starts a process the way a user does; resolves when it is ready.
 * @throws Error if it ends before that.
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
