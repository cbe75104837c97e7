import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { LastLines } from '#shared/process/last-lines.ts';
import type { Log } from '#shared/process/logger.ts';
import type { LogFormat } from '#shared/process/pretty-lines.ts';
import { OutputLog } from '#shared/process/output-log.ts';
import { spawnTethered } from '#shared/process/tethered.ts';
import type { TetheredExit, TetheredProcess } from '#shared/process/tethered.ts';
import { CommandFailure } from './command-failure.ts';
import { choosePort, isFree } from './loopback-port.ts';
import type { LoopbackPort } from './loopback-port.ts';
import { programEnvironment } from './program-environment.ts';
import { Readiness } from './readiness.ts';

export interface ProgramOptions {
  /** `COMMAND`: a command line for the shell. */
  readonly command: string;
  /** `COMMAND_READY`: the path that says whether the program is ready. */
  readonly readyPath: string | undefined;
  readonly replica: string;
  readonly generation: number;
  /** The environment of the worker. */
  readonly env: NodeJS.ProcessEnv;
  /** When the program has to be ready, on the `performance.now()` clock. */
  readonly readyBy: number;
  /** Called if the program ends by itself after it was ready. */
  readonly onEnded: (end: ProgramEnd) => void;
  readonly log: Log;
  /** The format in which the output of the program is logged. */
  readonly logFormat: LogFormat;
}

/** How a program ended. */
export interface ProgramEnd {
  /** For people, e.g. `COMMAND exited with code 3`. */
  readonly reason: string;
  /** The last lines that it wrote to stderr. */
  readonly stderr: readonly string[];
}

/** How often a program is started with another port because its port was taken meanwhile. */
const maxPorts = 3;
/** Time in ms in which the output of a program that has ended is read. Another process may hold it open. */
const outputMs = 200;
/** Time in ms that a program has to end which is not ready in time. */
const lateGraceMs = 500;

/**
 * Starts a program in a shell, and waits until it is ready.
 * @throws {CommandFailure} if it ends before, or is not ready in time. Then it does not run.
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  for (let ports = 1; ; ports += 1) {
    const port = await choosePort();
    const program = new Program(options, port);
    const result = await program.untilReady();
    if (result === 'ready') return program;
    const wasTaken = result.failed && !(await isFree(port.number));
    if (!wasTaken || ports === maxPorts) throw new CommandFailure(result.reason, result.stderr);
    options.log.warn(
      { port: port.number },
      'another process has taken the port of COMMAND; trying another one',
    );
  }
}

/**
 * A program that serves the requests of a replica, in a process group of its own:
 *
 *   starting --answers--> ready --stop--> stopping --ended--> ended
 *   starting --ended, or too late--> ended
 *   ready --ended by itself--> ended, which is reported to the worker
 */
export class Program {
  readonly #options: ProgramOptions;
  readonly #port: LoopbackPort;
  readonly #process: TetheredProcess;
  readonly #lastLines = new LastLines();
  readonly #logged: Promise<unknown>;
  #host = '127.0.0.1';
  #state: 'starting' | 'ready' | 'stopping' | 'ended' = 'starting';

  constructor(options: ProgramOptions, port: LoopbackPort) {
    const { command, env, replica, generation } = options;
    this.#options = options;
    this.#port = port;
    this.#process = spawnTethered('/bin/sh', ['-c', command], {
      env: programEnvironment(env, { port: port.number, replica, generation }),
      onParentDeath: 'SIGKILL',
      signalled: 'group',
      stdout: 'pipe',
      stderr: 'pipe',
    });
    this.#logged = this.#logOutput();
    void this.#process.exited.then((exit) => this.#onExit(exit));
  }

  /** Where the program listens. */
  get origin(): URL {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host;
    return new URL(`http://${host}:${this.#port.number}`);
  }

  /** Whether it runs, as far as this process knows. */
  get runs(): boolean {
    return this.#state !== 'ended';
  }

  /**
   * @returns when it is ready, or has ended; it is ended if it is not ready in time. `failed`: it ended by
   * itself with another exit code than 0.
   */
  async untilReady(): Promise<'ready' | (ProgramEnd & { readonly failed: boolean })> {
    const { readyPath, readyBy } = this.#options;
    const { number } = this.#port;
    const readiness = new Readiness(number, readyPath);
    const leftMs = Math.max(0, Math.ceil(readyBy - performance.now()));
    const over = new AbortController();
    const late = AbortSignal.any([over.signal, AbortSignal.timeout(leftMs)]);
    const ready = readiness.wait(late).catch(() => undefined);
    const first = await Promise.race([ready, this.#process.exited]);
    over.abort();
    if (typeof first === 'object') {
      // A shell that has started a daemon succeeds. Another port would start one more.
      const failed = first.code !== 0;
      const advice = failed ? '' : '; it has to stay in the foreground';
      const reason = `${describe(first)} before it was ready${advice}`;
      return { reason, stderr: await this.#stderr(), failed };
    }
    if (first === undefined) {
      await this.stop(performance.now() + lateGraceMs);
      const reason =
        `COMMAND was not ready in time (START_TIMEOUT_MS): it has to listen on the port in PORT, ` +
        `which was ${number}, but ${readiness.state}`;
      return { reason, stderr: await this.#stderr(), failed: false };
    }
    this.#host = first;
    this.#state = 'ready';
    return 'ready';
  }

  /** @returns after this time in ms if the program still runs then, and never if it has ended. */
  async outlives(ms: number): Promise<void> {
    await delay(ms);
    if (!this.runs) await new Promise<never>(() => undefined);
  }

  /**
   * Ends the program: SIGTERM to its group, then SIGKILL. May be called twice.
   * @param until when it has to have ended, on the `performance.now()` clock.
   */
  async stop(until: number): Promise<void> {
    if (this.#state !== 'ended') this.#state = 'stopping';
    await this.#process.stop({ graceMs: Math.max(0, until - performance.now()) });
    await Promise.race([this.#logged, delay(outputMs)]);
  }

  async #onExit(exit: TetheredExit): Promise<void> {
    const wasReady = this.#state === 'ready';
    this.#state = 'ended';
    void this.#port.release();
    if (wasReady) this.#options.onEnded({ reason: describe(exit), stderr: await this.#stderr() });
  }

  /** @returns the last lines of stderr of a program that has ended. */
  async #stderr(): Promise<readonly string[]> {
    await Promise.race([this.#logged, delay(outputMs)]);
    return this.#lastLines.lines;
  }

  async #logOutput(): Promise<void> {
    const { stdout, stderr, pid } = this.#process;
    const { replica, logFormat } = this.#options;
    const output = new OutputLog({ role: 'command', pid, replica }, logFormat);
    stderr?.on('data', (chunk: Buffer) => this.#lastLines.push(chunk));
    await Promise.all([
      stdout === null ? undefined : output.passOn(stdout, 'stdout'),
      stderr === null ? undefined : output.passOn(stderr, 'stderr'),
    ]);
  }
}

/** The exit codes by which a shell says that it could not run a command. */
const shellCodes: ReadonlyMap<number, string> = new Map([
  [126, 'the shell cannot execute it'],
  [127, 'the shell does not find it'],
]);
/** A shell exits with this code and the number of the signal that has killed its command. */
const signalBase = 128;

function describe({ code, signal }: TetheredExit): string {
  if (signal !== null) return `COMMAND was killed by ${signal}`;
  const number = (code ?? 0) - signalBase;
  const killer = Object.entries(constants.signals).find(([, each]) => each === number)?.[0];
  const meaning = killer ?? shellCodes.get(code ?? 0);
  return `COMMAND exited with code ${code}${meaning === undefined ? '' : ` (${meaning})`}`;
}
