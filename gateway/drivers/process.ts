import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnTethered } from '#shared/process/tethered.ts';
import type { TetheredExit, TetheredProcess } from '#shared/process/tethered.ts';
import type { Death, Driver } from './driver.ts';
import { passOnStderr } from './worker-stderr.ts';
import type { WorkerStderr } from './worker-stderr.ts';

export interface ProcessDriverOptions {
  /** The environment of all workers, without secrets; name and generation are added. */
  readonly env: NodeJS.ProcessEnv;
  /** The URL that workers open. Each reads it from stdin. */
  readonly redisUrl: string;
}

interface Child {
  readonly generation: number;
  readonly process: TetheredProcess;
  readonly stderr: WorkerStderr;
}

/** Beside the other files that are kept from one start to the next. */
const compileCache = resolve('.ringpost/compile-cache');
const workerMain = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));

/** Runs each worker as a child process, which ends with this process, however that ends. */
export function createProcessDriver({ env, redisUrl }: ProcessDriverOptions): Driver {
  const children = new Map<string, Set<Child>>();
  const listeners = new Set<(death: Death) => void>();
  let closed = false;

  const childrenOf = (name: string): Set<Child> => {
    let set = children.get(name);
    if (set === undefined) children.set(name, (set = new Set()));
    return set;
  };

  const start = (name: string, generation: number): void => {
    const worker = spawnTethered(process.execPath, [workerMain], {
      env: {
        NODE_COMPILE_CACHE: compileCache,
        ...env,
        REDIS_URL_FILE: '/dev/stdin',
        REPLICA: name,
        GENERATION: String(generation),
      },
      input: redisUrl,
      onParentDeath: 'SIGKILL',
      stderr: 'pipe',
    });
    const stderr = passOnStderr(worker.stderr);
    const child = { generation, process: worker, stderr };
    childrenOf(name).add(child);
    void worker.exited.then((exit) => {
      const set = childrenOf(name);
      set.delete(child);
      if (set.size === 0) children.delete(name);
      const clean = exit.code === 0;
      const death = { name, generation, reason: reasonOf(exit), clean, stderr: stderr.ended() };
      for (const listener of listeners) listener(death);
    });
  };

  const stopAll = async (some: Iterable<Child>, graceMs: number): Promise<void> => {
    await Promise.all(
      Array.from(some, async ({ process: child, stderr }) => {
        if (graceMs === 0) child.kill('SIGKILL');
        await child.stop({ graceMs });
        // The end of its stderr is passed on.
        await stderr.ended();
      }),
    );
  };

  return {
    kind: 'process',
    start: () => {
      mkdirSync(dirname(compileCache), { recursive: true, mode: 0o700 });
      if (!existsSync(compileCache)) warmUp();
      return Promise.resolve();
    },
    ensure: async (name, generation) => {
      if (closed) throw new Error('the driver is closed');
      const runs = [...(children.get(name) ?? [])].some((child) => child.generation === generation);
      if (!runs) start(name, generation);
    },
    remove: (name, generation, graceMs) => {
      const child = [...(children.get(name) ?? [])].find((each) => each.generation === generation);
      return stopAll(child ? [child] : [], graceMs);
    },
    trouble: () => undefined,
    list: () =>
      [...children].flatMap(([name, set]) =>
        Array.from(set, ({ generation, process: child }) => ({
          name,
          generation,
          id: String(child.pid),
          outdated: false,
        })),
      ),
    watch: (onDeath) => {
      listeners.add(onDeath);
      return () => listeners.delete(onDeath);
    },
    close: (graceMs) => {
      closed = true;
      return stopAll(
        [...children.values()].flatMap((set) => [...set]),
        graceMs,
      );
    },
  };
}

/**
 * Fills the cache of compiled code in the background; without it a worker takes twice as long to start. A
 * worker without settings loads all its modules, reports the fault and ends.
 */
function warmUp(): void {
  spawnTethered(process.execPath, [workerMain], {
    env: { NODE_COMPILE_CACHE: compileCache },
    stdout: 'ignore',
    stderr: 'ignore',
    onParentDeath: 'SIGKILL',
  });
}

function reasonOf({ code, signal }: TetheredExit): string {
  return signal === null ? `exited with code ${code}` : `killed by ${signal}`;
}
