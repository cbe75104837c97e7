import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import type { Lease } from '#shared/contract/lease.ts';
import { createKeys } from '#shared/store/keys/keys.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { keyPrefix } from '#shared/store/target/redis-options.ts';
import { processesIn } from '../fixtures/command.ts';
import { removeNotes } from '../fixtures/left-notes.ts';
import { freePort } from './free-port.ts';
import type { GroupOptions } from '../fixtures/redis-group.ts';
import { startStore } from './group-store.ts';
import { here } from './partition/network.ts';
import type { Side } from './partition/network.ts';
import { namespace } from './private-store.ts';
import type { Store } from './store.ts';
import { startProgram } from './program.ts';
import type { Program } from './program.ts';
import { now } from './clock.ts';
import { areAsleep, keptOut, ringReplicas } from './uneven/watch-ring.ts';
import { isRunning } from './process-state.ts';
import type { Workshop } from './workshop.ts';

export interface ClusterOptions {
  readonly gateways: number;
  readonly controllers: number;
  readonly replicas: number;
  /** One server by default. */
  readonly redis?: 'single' | 'sentinel' | 'cluster';
  /** How the servers of a group are started. */
  readonly group?: GroupOptions;
  /**
   * @returns where a gateway or a controller runs, the controller with its workers; on loopback by default.
   * If it is given, the first controller leads.
   */
  readonly side?: (role: MemberRole, at: number) => Side;
  /** Settings of all processes, in addition to those that the cluster sets. */
  readonly settings?: NodeJS.ProcessEnv;
  /** Further settings of one gateway or controller, such as `controller-2`, and of its workers. */
  readonly settingsOf?: (member: string) => NodeJS.ProcessEnv;
  /**
   * @returns the folder of another checkout of ringpost that a gateway or a controller runs, the controller
   * with its workers; undefined for this one.
   */
  readonly checkoutOf?: ((role: MemberRole) => string | undefined) | undefined;
}

export type MemberRole = 'gateway' | 'controller';

/** A gateway or controller. It can be restarted with the same role, name and port. */
export interface Member {
  readonly name: string;
  /** `http://<address>:<port>`; the same after each start. */
  readonly url: string;
  readonly side: Side;
  program: Program;
  /** A restart in progress. */
  restarting?: Promise<void> | undefined;
}

const ownCheckout = fileURLToPath(new URL('../..', import.meta.url));
const handler = fileURLToPath(new URL('ledger-work.ts', import.meta.url));
export const keys = createKeys(namespace);
/** How long BullMQ's lock of a job lasts if it is not renewed, in ms. */
const lockMs = 30_000;
/** Longer than anything here takes if it works, in ms. */
const timeoutMs = 40_000;

/** Redis, gateways, controllers and their workers as real processes, started the way a user starts them. */
export class Cluster {
  readonly #folder: string;
  readonly #settings: NodeJS.ProcessEnv;
  readonly #settingsOf: (member: string) => NodeJS.ProcessEnv;
  readonly #checkoutOf: (role: MemberRole) => string;
  readonly #workshop: Workshop;
  readonly store: Store;
  readonly keys: Keys;
  readonly gateways: Member[] = [];
  readonly controllers: Member[] = [];
  readonly ledgerDirectory: string;
  #stopped = false;

  private constructor(
    workshop: Workshop,
    folder: string,
    store: Store,
    ledgerDirectory: string,
    settings: NodeJS.ProcessEnv,
    { settingsOf = () => ({}), checkoutOf = () => undefined }: ClusterOptions,
  ) {
    this.#workshop = workshop;
    this.#folder = folder;
    this.#settings = settings;
    this.#settingsOf = settingsOf;
    this.#checkoutOf = (role) => checkoutOf(role) ?? ownCheckout;
    this.store = store;
    this.keys = createKeys(keyPrefix(store.urlOf('worker'), namespace));
    this.ledgerDirectory = ledgerDirectory;
  }

  /**
   * Resolves when every gateway has all replicas in its ring.
   * @param folder where logs, the ledger and Redis's files go.
   */
  static async start(workshop: Workshop, folder: string, options: ClusterOptions): Promise<Cluster> {
    const ledgerDirectory = join(folder, 'ledger');
    await mkdir(ledgerDirectory, { recursive: true });
    const directory = join(folder, 'redis');
    const { redis = 'single', group, side = (): Side => here } = options;
    const store = await startStore(redis, directory, workshop.redisBinary, group);
    const settings = {
      WORKER_REDIS_URL: store.urlOf('worker'),
      HANDLER: handler,
      LEDGER_DIRECTORY: ledgerDirectory,
      LOG_LEVEL: 'info',
      REPLICAS: String(options.replicas),
      ...options.settings,
    };
    const cluster = new Cluster(workshop, folder, store, ledgerDirectory, settings, options);
    try {
      const start = async (role: MemberRole, at: number): Promise<Member> => {
        const name = `${role}-${at + 1}`;
        const where = side(role, at);
        const url = `http://${where.control}:${await freePort()}`;
        const member = { name, url, side: where };
        return { ...member, program: await cluster.#run(role, member) };
      };
      const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
      if (options.side !== undefined && options.controllers > 0) {
        cluster.controllers.push(await start('controller', 0));
        await cluster.#until('it has workers', async () => (await cluster.lease('S1')) !== undefined);
      }
      const others = numbers(options.controllers).slice(cluster.controllers.length);
      cluster.controllers.push(...(await Promise.all(others.map((at) => start('controller', at)))));
      cluster.gateways.push(
        ...(await Promise.all(numbers(options.gateways).map((at) => start('gateway', at)))),
      );
      await cluster.untilReady(options.replicas);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get redis(): Redis {
    return this.store.observer;
  }

  get targets(): string[] {
    return this.gateways.map(({ url }) => url);
  }

  /** Restarts a gateway or controller on its port. If a restart is in progress, returns that one. */
  restart(member: Member): Promise<void> {
    member.restarting ??= this.#startUntilReady(member).finally(() => {
      member.restarting = undefined;
    });
    return member.restarting;
  }

  /** Acts as a supervisor: if the process exits before it is ready, e.g. without Redis, starts it again. */
  async #startUntilReady(member: Member): Promise<void> {
    const role = this.gateways.includes(member) ? 'gateway' : 'controller';
    const giveUpAt = now() + timeoutMs;
    while (!this.#stopped) {
      try {
        member.program = await this.#run(role, member);
        return;
      } catch (error) {
        if (now() > giveUpAt) throw error;
        await delay(200);
      }
    }
  }

  /** @returns the lease of a replica, which names its worker; undefined if there is none. */
  async lease(replica: string): Promise<Lease | undefined> {
    const json = await this.redis.get(this.keys.lease(replica));
    return json === null ? undefined : (JSON.parse(json) as Lease); // only workers write leases
  }

  /** @returns how many jobs wait in a replica's queue. */
  waitingFor(replica: string): Promise<number> {
    return this.redis.llen(this.keys.unfinished(replica).wait);
  }

  /** @returns the names of the desired replicas, sorted. */
  async desired(): Promise<string[]> {
    return (await this.redis.hkeys(this.keys.desired)).toSorted();
  }

  /** Resolves when every gateway has that many replicas in its ring and each of them has a ready worker. */
  async untilReady(replicas: number): Promise<void> {
    await this.#until(`${replicas} replicas are ready`, () => this.isHealthy(replicas));
  }

  /** Resolves when {@link isHealthy} does with true. */
  async untilHealthy(): Promise<void> {
    await this.#until('all gateways and replicas are ready', () => this.isHealthy()).catch(
      async (error: unknown) => {
        throw new Error(`${String(error)}; now ${await this.#describe()}`);
      },
    );
  }

  /**
   * @param replicas how many replicas to expect; by default the number of desired ones.
   * @returns whether every gateway has all replicas in its ring, but those that are ejected or drained, and
   * each of them sleeps or has a ready, running worker.
   */
  async isHealthy(replicas?: number): Promise<boolean> {
    const names = await this.desired();
    const wanted = replicas ?? names.length;
    if (wanted === 0) return false;
    const leases = await Promise.all(names.map((name) => this.lease(name)));
    const ready = leases.flatMap((lease) => (lease?.state === 'ready' ? [lease.pid] : []));
    // A lease outlives a worker that died with its controller, and it does not show that a worker is frozen.
    const alive = await Promise.all(ready.map(isRunning));
    const idle = names.filter((_, at) => leases[at] === undefined);
    const seen = await Promise.all(this.gateways.map(({ url }) => readyReplicas(url)));
    const isWhole = idle.length === 0 && seen.every((each) => each === wanted);
    const shown = isWhole ? [] : await ringReplicas(this.targets[0] ?? '');
    const asleep = idle.length > 0 && areAsleep(shown, idle) ? idle.length : 0;
    if (alive.filter(Boolean).length + asleep !== wanted) return false;
    return isWhole || seen.every((each) => each === wanted - keptOut(shown).length);
  }

  /** Resolves when the replica has a ready worker of a newer generation. */
  async untilReplaced(replica: string, generation: number): Promise<void> {
    await this.#until(`${replica} has a worker after generation ${generation}`, async () => {
      const lease = await this.lease(replica);
      return lease?.state === 'ready' && lease.generation > generation;
    });
  }

  /**
   * Waits until the queues are empty and no stream is open, but not much longer than BullMQ's lock of a job
   * lasts.
   * @returns what is left in them, e.g. `S2 wait 3`.
   */
  async leftInQueues(): Promise<string[]> {
    const countJobs = async (): Promise<string[]> => {
      const names = new Set([...(await this.desired()), ...(await this.redis.hkeys(this.keys.retired))]);
      const counts = await Promise.all(
        [...names].flatMap((name) =>
          (['wait', 'active', 'prioritized', 'delayed'] as const).map(async (list) => {
            const key = this.keys.unfinished(name)[list];
            const sorted = list === 'prioritized' || list === 'delayed';
            const count = await (sorted ? this.redis.zcard(key) : this.redis.llen(key));
            return count === 0 ? [] : [`${name} ${list} ${count}`];
          }),
        ),
      );
      const streams = await Promise.all(
        [...names].map(async (name) => {
          const count = await this.redis.scard(this.keys.streams(name));
          return count === 0 ? [] : [`${name} streams ${count}`];
        }),
      );
      return [...counts, ...streams].flat();
    };
    const giveUpAt = now() + lockMs + 5000;
    let left = await countJobs();
    while (left.length > 0 && now() < giveUpAt) {
      await delay(50);
      left = await countJobs();
    }
    return left;
  }

  /** Resolves when none of its processes runs any more. May be called twice. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.store.thaw();
    const pids = new Set(await processesIn(this.#workshop.folder));
    // Workers end with their controller, and leave their notes.
    await Promise.all([...this.gateways, ...this.controllers].map(({ program }) => program.end()));
    await this.store.stop();
    await this.#workshop.untilNothingRuns();
    await removeNotes((_, pid) => pids.has(pid));
  }

  /** Resolves when a retired replica is removed completely. */
  async untilForgotten(replica: string): Promise<void> {
    await this.#until(
      `${replica} is forgotten`,
      async () => (await this.redis.hexists(this.keys.retired, replica)) === 0,
    );
  }

  /** @returns the state of each gateway and each replica. */
  async #describe(): Promise<string> {
    const gateways = this.gateways.map(async ({ name, url }) => {
      const response = await fetch(`${url}/-/ready`).catch(() => undefined);
      if (response === undefined) return `${name} does not answer`;
      return `${name} ${response.status} ${await response.text()}`;
    });
    const replicas = (await this.desired()).map(
      async (name) => `${name} ${(await this.lease(name))?.state ?? 'without a worker'}`,
    );
    return (await Promise.all([...gateways, ...replicas])).join(', ');
  }

  /**
   * Polls until `holds` is true.
   * @param what the condition, for the error message.
   * @throws Error if it is not true in time.
   */
  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const giveUpAt = now() + timeoutMs;
    while (!(await holds())) {
      if (now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
      await delay(20);
    }
  }

  #run(role: MemberRole, { name, url, side }: Pick<Member, 'name' | 'url' | 'side'>): Promise<Program> {
    const [command, ...args] = side.command([
      process.execPath,
      join(this.#checkoutOf(role), 'gateway/main.ts'),
    ]);
    const { hostname: HOST, port: PORT } = new URL(url);
    return startProgram({
      command,
      args,
      env: {
        ...this.#settings,
        ...this.#settingsOf(name),
        REDIS_URL: this.store.urlOf(role),
        ROLE: role,
        HOST,
        PORT,
      },
      cwd: this.#workshop.folder,
      logFile: join(this.#folder, `${name}.log`),
      ready: new RegExp(`^ringpost ${role} ready`),
    });
  }
}

/** @returns how many replicas a gateway has in its ring; undefined while it is not ready. */
async function readyReplicas(url: string): Promise<number | undefined> {
  const response = await fetch(`${url}/-/ready`).catch(() => undefined);
  if (response?.status !== 200) {
    await response?.body?.cancel();
    return undefined;
  }
  const { replicas } = (await response.json()) as { replicas: string[] }; // as health.ts answers
  return replicas.length;
}
