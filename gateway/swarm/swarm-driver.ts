import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import type { ContainerSettings } from '../drivers/container-spec.ts';
import type { Death, Driver, Ending, Instance } from '../drivers/driver.ts';
import { EngineError, ignore } from '../drivers/engine-call.ts';
import { Places } from './places.ts';
import { serviceConfigHash } from './service-spec.ts';
import { SwarmEngine } from './swarm-engine.ts';
import { workersIn } from './swarm-workers.ts';
import type { SwarmWorker } from './swarm-workers.ts';
import { isLive, removed } from './task-state.ts';
import { beginMs, fastPollMs, WorkerStarts } from './worker-starts.ts';

export interface SwarmDriverOptions {
  readonly settings: ContainerSettings;
  /** Placement constraints of all replicas. */
  readonly constraints: readonly string[];
  /** Whether replicas move to nodes that have fewer. */
  readonly spread: boolean;
  /** Time in ms that a worker may take to be ready. */
  readonly startTimeoutMs: number;
  /** @returns the key of the hash that identifies the settings of a service. */
  readonly configKey: () => Promise<string>;
  /** Whether the services go on when the controller stops, so that the next controller takes them over. */
  readonly keepOnClose: boolean;
  readonly log: Logger;
  /** Called if `list` or `trouble` would return something else now. */
  readonly onChange: () => void;
}

/** Swarm has no events for tasks, so they are listed this often, in ms. */
const pollIntervalMs = 1000;
/** A service whose worker has ended stays this long, in ms, so that each controller sees why. */
const keepEndedMs = 5000;
const tidySecretsMs = 60_000;

/**
 * Runs each worker as a Swarm service with one task, which Swarm never restarts. The labels of a service
 * identify it, so that a new controller takes it over.
 *
 * Nobody knows whether a worker on a node that does not answer has ended. `remove` without a grace removes
 * its service and lists it no more; its lease has expired, and fences keep it from doing harm. It is reported
 * as ended when its node says so.
 */
export class SwarmDriver implements Driver {
  readonly kind = 'swarm';
  readonly #options: SwarmDriverOptions;
  readonly #engine: SwarmEngine;
  readonly #places: Places;
  readonly #starts: WorkerStarts;
  readonly #listeners = new Set<(death: Death) => void>();
  /** The hash of the current settings, and its key; set before services are listed. */
  #config = '';
  #configKey = '';
  /** How services name the current image; undefined if this engine does not have it. */
  #image: string | undefined;
  /** By their services, also ended ones, as Swarm last showed them. */
  #workers: ReadonlyMap<string, SwarmWorker> = new Map();
  /** The services that this controller removed, until they are gone. */
  #removed = new Set<string>();
  /** Those of them whose nodes are not waited for. */
  #givenUp = new Set<string>();
  /** When the ends of workers were told, by their services. */
  #told = new Map<string, number>();
  /** The logs of ended workers that are being read. */
  readonly #reading = new Map<string, Promise<readonly string[]>>();
  #trouble: string | undefined = 'the Docker engine was not asked yet';
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #secretsTidied = 0;
  #closed = false;

  constructor(options: SwarmDriverOptions) {
    this.#options = options;
    const { settings, constraints, spread, startTimeoutMs } = options;
    this.#engine = new SwarmEngine(settings.namespace);
    this.#places = new Places(constraints, spread);
    this.#starts = new WorkerStarts({
      engine: this.#engine,
      settings,
      places: this.#places,
      startTimeoutMs,
      look: async (id) => {
        await this.#refresh();
        return { worker: this.#workers.get(id), trouble: this.#trouble };
      },
      giveUp: (id) => this.#giveUp(id),
    });
  }

  async start(): Promise<void> {
    this.#configKey = await this.#options.configKey();
    this.#config = serviceConfigHash(this.#options.settings, this.#configKey);
    await this.#refresh();
    this.#timer = setInterval(() => {
      if (!this.#closed) void this.#refresh();
    }, pollIntervalMs);
  }

  list(): readonly Instance[] {
    const { move } = this.#places;
    return this.#listed().map(({ id, name, generation, config, image }) => {
      const hasOtherImage = this.#image !== undefined && image !== undefined && image !== this.#image;
      const instance = { id, name, generation };
      if (config !== this.#config || hasOtherImage) return { ...instance, outdated: true };
      return move?.id === id
        ? { ...instance, outdated: true, cause: move.cause }
        : { ...instance, outdated: false };
    });
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  watch(onDeath: (death: Death) => void): () => void {
    this.#listeners.add(onDeath);
    return () => this.#listeners.delete(onDeath);
  }

  async ensure(name: string, generation: number): Promise<void> {
    if (this.#closed) throw new Error('the driver is closed');
    if (this.#find(name, generation) !== undefined) return;
    await this.#starts.start(name, generation, this.#config, this.#configKey);
  }

  async remove(name: string, generation: number, graceMs: number): Promise<void> {
    const worker = this.#find(name, generation);
    if (worker !== undefined) await this.#end(worker, graceMs);
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#refreshing;
    if (this.#options.keepOnClose) return;
    await Promise.all(this.#listed().map((worker) => this.#end(worker, graceMs)));
    const services = [...this.#workers.values()].filter(({ hasService }) => hasService);
    await Promise.all(services.map(({ id }) => this.#engine.remove(id)));
    await this.#engine.removeOldSecrets(undefined);
  }

  #listed(): readonly SwarmWorker[] {
    return [...this.#workers.values()].filter(({ id, state }) => isLive(state) && !this.#givenUp.has(id));
  }

  #find(name: string, generation: number): SwarmWorker | undefined {
    return this.#listed().find((worker) => worker.name === name && worker.generation === generation);
  }

  async #remove(id: string): Promise<void> {
    await this.#engine.remove(id);
    this.#removed.add(id);
  }

  async #giveUp(id: string): Promise<void> {
    await this.#remove(id);
    this.#givenUp.add(id);
    this.#options.onChange();
  }

  async #end({ id, nodeId, state }: SwarmWorker, graceMs: number): Promise<void> {
    if (graceMs === 0) {
      // Its node may be gone, and could not say so.
      if (state.is === 'running' && nodeId !== undefined) this.#places.lost(nodeId);
      await this.#giveUp(id);
      return;
    }
    await this.#remove(id);
    const { stopTimeoutS } = this.#options.settings;
    const until = performance.now() + Math.max(graceMs, stopTimeoutS * 1000) + beginMs;
    for (;;) {
      await this.#refresh();
      const worker = this.#workers.get(id);
      if (worker === undefined || !isLive(worker.state)) return;
      if (performance.now() > until || !this.#places.isUp(worker.nodeId)) break;
      await delay(fastPollMs);
    }
    this.#givenUp.add(id);
    this.#options.onChange();
  }

  /** Lists what runs. Never rejects: `trouble` says what went wrong. */
  #refresh(): Promise<void> {
    this.#again = true;
    this.#refreshing ??= this.#refreshUntilCurrent().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refreshUntilCurrent(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const before = this.#trouble;
      try {
        await this.#poll();
        this.#trouble = undefined;
      } catch (error) {
        const what = error instanceof EngineError ? 'Swarm refuses' : 'the Docker engine does not answer';
        this.#trouble = `${what}: ${safeMessage(error)}`;
      }
      if (before === this.#trouble) continue;
      this.#options.log[this.#trouble === undefined ? 'info' : 'warn'](
        { trouble: this.#trouble ?? null },
        this.#trouble ?? 'Swarm answers',
      );
      this.#options.onChange();
    }
  }

  async #poll(): Promise<void> {
    const { settings, onChange } = this.#options;
    const picture = await this.#engine.picture();
    this.#image = await this.#engine.resolve(settings.image).catch(ignore(404));
    const before = this.#workers;
    const seen = workersIn(picture, settings.image);
    this.#workers = seen;
    for (const worker of seen.values())
      if (worker.state.is === 'ended') this.#tellEnd(worker, worker.state.ending);
    for (const worker of before.values()) {
      if (seen.has(worker.id) || !isLive(worker.state)) continue;
      const isExpected = this.#removed.has(worker.id) || !worker.hasService;
      this.#tellEnd(worker, isExpected ? removed : { reason: 'its service is gone', clean: false });
    }
    this.#removed = this.#removed.intersection(seen);
    this.#givenUp = this.#givenUp.intersection(seen);
    this.#told = new Map([...this.#told].filter(([id]) => seen.has(id)));
    const isFresh = this.#listed().some(({ id }) => !before.has(id));
    const isMoved = this.#places.observe(picture, this.#listed());
    if (isFresh || isMoved) onChange();
    await this.#tidy();
  }

  #tellEnd(worker: SwarmWorker, ending: Ending): void {
    const { id, name, generation, taskId } = worker;
    if (this.#told.has(id)) return;
    this.#told.set(id, performance.now());
    const stderr = ending.clean || taskId === undefined ? {} : { stderr: this.#lastLogLines(id, taskId) };
    const death = { name, generation, ...ending, ...stderr };
    for (const listener of this.#listeners) listener(death);
  }

  #lastLogLines(id: string, taskId: string): Promise<readonly string[]> {
    const reading = this.#engine.lastLogLines(taskId).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  /** Removes the services whose workers have ended, and secrets that no service uses any more. */
  async #tidy(): Promise<void> {
    const now = performance.now();
    for (const { id, state, hasService } of this.#workers.values()) {
      if (isLive(state) || !hasService) continue;
      // A worker that was refused is told of by the controller that started it.
      if (!this.#told.has(id)) this.#told.set(id, now);
      const isDue = now - (this.#told.get(id) ?? now) > keepEndedMs && !this.#reading.has(id);
      if (isDue) await this.#engine.remove(id);
    }
    const { secret } = this.#starts;
    if (secret === undefined || now - this.#secretsTidied < tidySecretsMs) return;
    this.#secretsTidied = now;
    await this.#engine.removeOldSecrets(secret.id);
  }
}
