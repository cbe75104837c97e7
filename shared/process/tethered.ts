import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';

export type TetheredExit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type TetherOptions = {
  /** The child's whole environment; its PATH finds a command given without a slash. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Where its output goes; `inherit` by default. */
  readonly stdout?: 'inherit' | 'ignore' | 'pipe' | number;
  readonly stderr?: 'inherit' | 'ignore' | 'pipe' | number;
  /**
   * The signal that the child gets when this process is gone. SIGTERM is followed by SIGKILL after some 10 s.
   */
  readonly onParentDeath: 'SIGTERM' | 'SIGKILL';
  /** What the child reads from its stdin; nothing by default. */
  readonly input?: string;
  /**
   * Which processes get the signals of {@link TetheredProcess.kill} and {@link TetheredProcess.stop}: the
   * child, or all of its group, such as a shell and what it runs. `child` by default.
   */
  readonly signalled?: 'child' | 'group';
};

export type TetheredProcess = {
  readonly pid: number;
  /** Its output, if `pipe` was asked for. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Resolves when the child has ended; never rejects. */
  readonly exited: Promise<TetheredExit>;
  /** Sends a signal to the child, or to its group; false when it has ended already. */
  kill(signal: NodeJS.Signals): boolean;
  /**
   * SIGTERM, then SIGKILL after `graceMs`; resolves when it has ended. A further call joins the first. With
   * `signalled: 'group'` the grace is also for the processes that outlive the child, as long as they hold one
   * of its piped outputs.
   */
  stop(options: { graceMs: number }): Promise<TetheredExit>;
};

// A watcher process alone has the child's end of fd 3, and this process alone has the other end. So read() in
// the watcher returns when this process is gone, for whatever reason. The watcher stays in the child's
// process group, and no system reuses a pid while a group has that number (POSIX "process group lifetime";
// Linux free_pid), so it kills the child or nothing. It is forked twice, so that it is not a child of the
// command. `$$` is the pid that the command gets from `exec`.
const script = (beforeKill: string) => `( (
trap "" HUP INT TERM
read -r line <&3
${beforeKill}
kill -KILL -$$
) </dev/null >/dev/null 2>&1 & )
exec "$0" "$@" 3<&-`;

// An orphan that init has not reaped yet still answers `kill -0`, so its state is checked too.
const scripts = {
  SIGKILL: script(''),
  SIGTERM: script(`kill -TERM $$; i=0
while [ $i -lt 100 ] && kill -0 $$; do
  case $(ps -o stat= -p $$) in Z*) break;; esac
  sleep 0.1; i=$((i+1))
done`),
};

/**
 * Starts a child in a session and process group of its own, so that Ctrl-C in the terminal does not reach it.
 * The child ends when this process ends, even by SIGKILL, and even if the child's event loop is blocked. When
 * the child ends, the processes that it leaves in its group are killed.
 *
 * @param command a path, or a name to find on `options.env.PATH`
 * @throws Error if the command or `cwd` does not exist, or if the system refuses a new process
 */
export function spawnTethered(
  command: string,
  args: readonly string[],
  options: TetherOptions,
): TetheredProcess {
  const { cwd = '.', env, stdout = 'inherit', stderr = 'inherit', input } = options;
  const file = command.includes('/') ? executable(resolve(cwd, command)) : findOnPath(command, env.PATH);
  if (file === undefined) throw new Error(`cannot start ${command}: no such executable file`);
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory())
    throw new Error(`cannot start ${command}: no directory ${cwd}`);

  const child = spawn('/bin/sh', ['-c', scripts[options.onParentDeath], file, ...args], {
    cwd,
    env,
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', stdout, stderr, 'pipe'],
  });
  child.on('error', () => {}); // a failed spawn shows in the missing pid, a failed kill in its result
  const { pid } = child;
  if (pid === undefined)
    throw new Error(`cannot start ${command}: the system refused a new process (process or file limit?)`);
  const tether = child.stdio[3];
  tether?.on('error', () => {});
  // If the child ends before it has read its input, the write fails. That is no error.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);

  const isGroup = options.signalled === 'group';
  let ended = false;
  let stopping: Promise<TetheredExit> | undefined;
  const kill = (signal: NodeJS.Signals): boolean => {
    if (ended) return false;
    return isGroup ? signalGroup(pid, signal) : child.kill(signal);
  };
  const graceOver = Promise.withResolvers<void>();
  // `close` of the child would also wait for the watcher's end of fd 3.
  const closed = Promise.all([child.stdout, child.stderr].map(closing));
  const exited = new Promise<TetheredExit>((done) => {
    child.once('exit', (code, signal) => {
      const finish = (): void => {
        ended = true;
        // Until now the watcher has kept the group's id taken.
        signalGroup(pid, 'SIGKILL');
        tether?.destroy();
        done({ code, signal });
      };
      // A shell dies of SIGTERM at once. What it runs may need the grace.
      if (isGroup && stopping !== undefined) void Promise.race([closed, graceOver.promise]).then(finish);
      else finish();
    });
  });
  return {
    pid,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    kill,
    stop({ graceMs }) {
      if (stopping === undefined) {
        kill('SIGTERM');
        const timer = setTimeout(() => {
          kill('SIGKILL');
          graceOver.resolve();
        }, graceMs);
        stopping = exited.finally(() => clearTimeout(timer));
      }
      return stopping;
    },
  };
}

/**
 * Finds an executable file by name.
 *
 * @param path a PATH: directories with the platform's delimiter between
 * @returns its absolute path, or undefined
 */
export function findOnPath(name: string, path: string | undefined): string | undefined {
  for (const directory of (path ?? '').split(delimiter)) {
    const found = directory === '' ? undefined : executable(resolve(join(directory, name)));
    if (found !== undefined) return found;
  }
  return undefined;
}

function executable(file: string): string | undefined {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

/** @returns when the other ends of a child's output are closed. */
function closing(output: Readable | null): Promise<unknown> {
  return new Promise<void>((done) => {
    if (output === null) done();
    else output.once('close', done);
  });
}

/**
 * Signals all processes of a child's group. The watcher is one of them; only SIGKILL ends it.
 * @returns false if the group is empty.
 */
function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
