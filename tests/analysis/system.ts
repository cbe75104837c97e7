import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Lease } from '#shared/contract/lease.ts';
import { createKeys } from '#shared/store/keys/keys.ts';
import { now } from '../chaos/clock.ts';
import { freePort } from '../chaos/free-port.ts';
import { PrivateStore } from '../chaos/private-store.ts';
import { startProgram } from '../chaos/program.ts';
import type { Program } from '../chaos/program.ts';
import type { Workshop } from '../chaos/workshop.ts';
import type { Strategy } from './strategy.ts';

const gatewayMain = fileURLToPath(new URL('../../gateway/main.ts', import.meta.url));
const keys = createKeys('ringpost');
/** Longer than any successful step takes, in ms. */
const maxWaitMs = 30_000;

/** What `npm start` runs, with its own Redis: a gateway with its controller, and workers as processes. */
export class System {
  readonly url: string;
  readonly #workshop: Workshop;
  readonly #store: PrivateStore;
  readonly #program: Program;
  #stopping: Promise<void> | undefined;

  private constructor(workshop: Workshop, store: PrivateStore, program: Program, url: string) {
    this.#workshop = workshop;
    this.#store = store;
    this.#program = program;
    this.url = url;
  }

  /**
   * @param replicas the number of replicas S1, S2 …
   * @returns the system, once all replicas are ready.
   */
  static async start(
    workshop: Workshop,
    { id, settings }: Pick<Strategy, 'id' | 'settings'>,
    replicas: number,
  ): Promise<System> {
    const folder = await workshop.folderFor(`${id}-${replicas}`);
    const store = await PrivateStore.start({
      directory: join(folder, 'redis'),
      binary: workshop.redisBinary,
      port: await freePort(),
    });
    try {
      const port = await freePort();
      const program = await startProgram({
        command: process.execPath,
        args: [gatewayMain],
        env: {
          PORT: String(port),
          REDIS_URL: store.urlOf('all'),
          WORKER_REDIS_URL: store.urlOf('worker'),
          REPLICAS: String(replicas),
          ...settings,
        },
        cwd: workshop.folder,
        logFile: join(folder, 'ringpost.log'),
        ready: /^ringpost (ready|listens) on/,
      });
      const system = new System(workshop, store, program, `http://127.0.0.1:${port}`);
      await system.#untilReady(replicas);
      return system;
    } catch (error) {
      await store.stop();
      throw error;
    }
  }

  /** @returns the lease of a replica's running worker. @throws Error if it has none. */
  async worker(replica: string): Promise<Lease> {
    const lease = await this.#lease(replica);
    if (lease === undefined) throw new Error(`${replica} has no worker`);
    return lease;
  }

  /** Resolves when the replica has a ready worker of a newer generation. */
  async untilReplaced(replica: string, generation: number): Promise<void> {
    await until(`${replica} has a worker after generation ${generation}`, async () => {
      const lease = await this.#lease(replica);
      return lease?.state === 'ready' && lease.generation > generation;
    });
  }

  /** Resolves when all its processes have ended. May be called twice. */
  stop(): Promise<void> {
    return (this.#stopping ??= (async () => {
      await this.#program.stop({ graceMs: 15_000 });
      await this.#store.stop();
      await this.#workshop.untilNothingRuns();
    })());
  }

  async #untilReady(replicas: number): Promise<void> {
    await until(`${replicas} replicas are ready`, async () => {
      const response = await fetch(`${this.url}/-/ready`);
      // health.ts answers this.
      const { replicas: names = [] } = (await response.json()) as { replicas?: string[] };
      return names.length === replicas;
    });
  }

  async #lease(replica: string): Promise<Lease | undefined> {
    const json = await this.#store.observer.get(keys.lease(replica));
    return json === null ? undefined : (JSON.parse(json) as Lease); // only workers write leases
  }
}

/**
 * Polls until a condition holds.
 * @throws Error with `what` if the condition does not hold in time.
 */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = now() + maxWaitMs;
  while (!(await holds())) {
    if (now() > deadline) throw new Error(`timed out after ${maxWaitMs} ms waiting until ${what}`);
    await delay(5);
  }
}
