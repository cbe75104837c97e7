import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ownModule } from '#shared/process/own-module.ts';
import { lineFormat } from '#shared/process/pretty-lines.ts';
import type { LineFormat, LogFormat } from '#shared/process/pretty-lines.ts';
import { spawnTethered } from '#shared/process/tethered.ts';
import type { TetheredExit, TetheredProcess } from '#shared/process/tethered.ts';
import { AlikeLines } from './alike-lines.ts';
import { endingOf } from './driver.ts';
import type { Death, Driver, Ending, Instance } from './driver.ts';
import type { HandlerVersions } from './handler-versions.ts';
import { passOnStderr } from './worker-stderr.ts';
import type { WorkerStderr } from './worker-stderr.ts';

export interface ProcessDriverOptions {
  /**
   * The environment of all workers, without secrets; name and generation are added. Node's own
   * `NODE_COMPILE_CACHE` and `NODE_DISABLE_COMPILE_CACHE` say where compiled code is kept, and glibc's
   * `MALLOC_MMAP_THRESHOLD_` from which size on freed memory returns to the system.
   */
  readonly env: NodeJS.ProcessEnv;
  /** The URL that workers open. Each reads it from stdin. */
  readonly redisUrl: string;
  /** The handler, if it may be replaced: it is `HANDLER` of each new worker. */
  readonly handler?: HandlerVersions | undefined;
  /** How the lines that workers log are passed on. */
  readonly logFormat: LogFormat;
}

interface Child {
  readonly name: string;
  readonly generation: number;
  /** The version that it runs, if the handler may be replaced. */
  readonly handlerPath: string | undefined;
  readonly process: TetheredProcess;
  readonly stderr: WorkerStderr;
}

/**
 * From this many bytes on, glibc gives memory back to the system when it is freed. Its own limit grows with
 * the largest block that a process frees, up to 32 MiB, and a worker that had a few large answers would keep
 * the memory of all. docs/limits.md has the figures.
 */
const mmapThresholdBytes = String(256 * 1024);

const workerMain = fileURLToPath(ownModule('../../worker/main.ts', import.meta.url));

/** Runs each worker as a child process, which ends with this process, however that ends. */
export class ProcessDriver implements Driver {
  readonly kind = 'process';
  readonly #options: ProcessDriverOptions;
  readonly #compileCache: string;
  readonly #children = new Set<Child>();
  readonly #listeners = new Set<(death: Death) => void>();
  readonly #alike = new AlikeLines();
  readonly #format: LineFormat | undefined;
  #closed = false;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    // By default beside the other files that are kept from one start to the next.
    this.#compileCache = resolve(options.env['NODE_COMPILE_CACHE'] ?? '.ringpost/compile-cache');
    this.#format = lineFormat(options.logFormat);
  }

  start(): Promise<void> {
    if (this.#options.env['NODE_DISABLE_COMPILE_CACHE'] !== undefined) return Promise.resolve();
    mkdirSync(dirname(this.#compileCache), { recursive: true, mode: 0o700 });
    if (!existsSync(this.#compileCache)) warmUp(this.#compileCache);
    return Promise.resolve();
  }

  async ensure(name: string, generation: number): Promise<void> {
    if (this.#closed) throw new Error('the driver is closed');
    if (this.#find(name, generation) === undefined) this.#spawn(name, generation);
  }

  remove(name: string, generation: number, graceMs: number): Promise<void> {
    const child = this.#find(name, generation);
    return stopAll(child === undefined ? [] : [child], graceMs);
  }

  trouble(): undefined {
    return undefined;
  }

  list(): readonly Instance[] {
    const current = this.#options.handler?.current;
    return Array.from(this.#children, ({ name, generation, handlerPath, process: child }) => ({
      name,
      generation,
      id: String(child.pid),
      outdated: handlerPath !== current,
    }));
  }

  watch(onDeath: (death: Death) => void): () => void {
    this.#listeners.add(onDeath);
    return () => this.#listeners.delete(onDeath);
  }

  close(graceMs: number): Promise<void> {
    this.#closed = true;
    return stopAll([...this.#children], graceMs);
  }

  #find(name: string, generation: number): Child | undefined {
    for (const child of this.#children)
      if (child.name === name && child.generation === generation) return child;
    return undefined;
  }

  #spawn(name: string, generation: number): void {
    const { env, redisUrl, handler } = this.#options;
    const handlerPath = handler?.current;
    const worker = spawnTethered(process.execPath, [workerMain], {
      env: {
        MALLOC_MMAP_THRESHOLD_: mmapThresholdBytes,
        ...env,
        NODE_COMPILE_CACHE: this.#compileCache,
        ...(handlerPath === undefined ? {} : { HANDLER: handlerPath }),
        // This process makes the lines readable.
        LOG_FORMAT: 'json',
        REDIS_URL_FILE: '/dev/stdin',
        REPLICA: name,
        GENERATION: String(generation),
      },
      input: redisUrl,
      onParentDeath: 'SIGKILL',
      stderr: 'pipe',
    });
    const stderr = passOnStderr(worker.stderr, {
      accepts: (line) => this.#alike.accepts(name, line, performance.now()),
      format: this.#format,
    });
    const child = { name, generation, handlerPath, process: worker, stderr };
    this.#children.add(child);
    const endUse = handlerPath === undefined ? undefined : handler?.use(handlerPath);
    void worker.exited.then((exit) => {
      this.#onExit(child, exit);
      endUse?.();
    });
  }

  #onExit(child: Child, exit: TetheredExit): void {
    this.#children.delete(child);
    const { name, generation, stderr } = child;
    const death = { name, generation, ...endingAfter(exit), stderr: stderr.ended() };
    for (const listener of this.#listeners) listener(death);
  }
}

async function stopAll(children: readonly Child[], graceMs: number): Promise<void> {
  await Promise.all(
    children.map(async ({ process: child, stderr }) => {
      if (graceMs === 0) child.kill('SIGKILL');
      await child.stop({ graceMs });
      // The end of its stderr is passed on.
      await stderr.ended();
    }),
  );
}

/**
 * Fills the cache of compiled code in the background; without it a worker takes twice as long to start. A
 * worker without settings loads all its modules, reports the fault and ends.
 */
function warmUp(compileCache: string): void {
  spawnTethered(process.execPath, [workerMain], {
    env: { NODE_COMPILE_CACHE: compileCache },
    stdout: 'ignore',
    stderr: 'ignore',
    onParentDeath: 'SIGKILL',
  });
}

/**
 * A worker that has begun handles SIGINT. It dies of one if Ctrl-C in the terminal comes before the new
 * process has left the group of this one, which then stops too.
 */
function endingAfter({ code, signal }: TetheredExit): Ending {
  return signal === null ? endingOf(code) : { reason: `killed by ${signal}`, clean: signal === 'SIGINT' };
}
