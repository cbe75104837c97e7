import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerSettings } from '../drivers/container-spec.ts';
import { EngineError } from '../drivers/engine-call.ts';
import type { Places } from './places.ts';
import { serviceSpec } from './service-spec.ts';
import type { PlacedWorker, RedisSecret } from './service-spec.ts';
import type { SwarmEngine } from './swarm-engine.ts';
import type { SwarmWorker } from './swarm-workers.ts';

export interface WorkerStartsOptions {
  readonly engine: SwarmEngine;
  readonly settings: ContainerSettings;
  readonly places: Places;
  /** Time in ms that a worker may take to be ready. */
  readonly startTimeoutMs: number;
  /** Asks Swarm what runs. @returns the worker of a service, and why Swarm cannot be asked, if so. */
  readonly look: (
    serviceId: string,
  ) => Promise<{ readonly worker: SwarmWorker | undefined; readonly trouble: string | undefined }>;
  /** Removes a service whose worker is not to be listed. */
  readonly giveUp: (serviceId: string) => Promise<void>;
}

/** Swarm has no events for tasks, so they are listed this often, in ms, while one starts or ends. */
export const fastPollMs = 150;
/** Time in ms in which Swarm has to find a node. */
const placeMs = 3000;
/** Time in ms in which the node of a task has to begin. It takes a tenth of a second. */
export const beginMs = 5000;

/** What became of a service that was created: its worker runs, or Swarm has no node for it. */
type Begun = { readonly is: 'begun' } | { readonly is: 'unplaced'; readonly why: string };

/** Starts workers: creates their services, and waits until they run. */
export class WorkerStarts {
  readonly #options: WorkerStartsOptions;
  #secret: RedisSecret | undefined;

  constructor(options: WorkerStartsOptions) {
    this.#options = options;
  }

  /** The secret with the URL of Redis, once it is known. */
  get secret(): RedisSecret | undefined {
    return this.#secret;
  }

  /**
   * @param config what the label of a service says about its settings.
   * @param key of the namespace.
   * @throws {Error} if the worker cannot run, in words for people.
   */
  async start(name: string, generation: number, config: string, key: string): Promise<void> {
    const { engine, settings, places, giveUp } = this.#options;
    const image = await engine.resolve(settings.image);
    let why = '';
    try {
      for (const { constraints, isLast } of places.attempts(name, generation)) {
        const id = await this.#create({ name, generation, constraints }, config, image, key);
        const begun = await this.#begun(id, isLast);
        if (begun.is === 'begun') return;
        await giveUp(id);
        ({ why } = begun);
      }
    } finally {
      places.settle(name, generation);
    }
    throw new Error(why);
  }

  /** @returns the id of the service. */
  async #create(worker: PlacedWorker, config: string, image: string, key: string): Promise<string> {
    const { engine, settings } = this.#options;
    const mark = createHmac('sha256', key).update(settings.redisUrl).digest('hex').slice(0, 16);
    this.#secret ??= await engine.ensureSecret(settings.redisUrl, mark);
    const spec = serviceSpec(settings, worker, config, image, this.#secret);
    try {
      return await engine.create(spec);
    } catch (error) {
      // Somebody may have removed the secret.
      this.#secret = undefined;
      if (error instanceof EngineError && error.status === 409)
        throw new Error(`a service named ${spec.Name} is there already`, { cause: error });
      throw error;
    }
  }

  /**
   * Waits until the worker of a service runs, or has run.
   * @param isLast whether it could not be placed elsewhere.
   * @throws {Error} if it was refused, or its node does not begin it.
   */
  async #begun(id: string, isLast: boolean): Promise<Begun> {
    const { look, places, giveUp, startTimeoutMs } = this.#options;
    const began = performance.now();
    let assigned: number | undefined;
    // If it takes longer, the plan finds that it is late.
    while (performance.now() - began < startTimeoutMs) {
      const { worker, trouble } = await look(id);
      const now = performance.now();
      const state = worker?.state;
      if (worker === undefined || state === undefined) {
        if (trouble === undefined) throw new Error('its service was removed');
      } else if (state.is === 'unplaced') {
        const isLate = now - began > placeMs;
        if (isLate || (state.why !== undefined && !isLast))
          return { is: 'unplaced', why: state.why ?? 'Swarm has found no node in time' };
      } else if (state.is === 'refused') {
        await giveUp(id);
        throw new Error(state.why);
      } else if (state.is === 'assigned') {
        assigned ??= now;
        if (now - assigned > beginMs) {
          if (worker.nodeId !== undefined) places.lost(worker.nodeId);
          await giveUp(id);
          throw new Error(`node ${worker.node} does not begin it`);
        }
      } else if (state.is !== 'starting') return { is: 'begun' };
      else if (!places.isUp(worker.nodeId)) {
        await giveUp(id);
        throw new Error(`node ${worker.node} is down`);
      }
      await delay(fastPollMs);
    }
    return { is: 'begun' };
  }
}
