import Docker from 'dockerode';
import type { ContainerInfo } from 'dockerode';
import type { Logger } from '#shared/logger.ts';
import { configHash, containerSpec, labels } from './container-spec.ts';
import type { ContainerSettings } from './container-spec.ts';
import type { Death, Driver, Instance } from './driver.ts';
import { EngineEvents } from './engine-events.ts';
import type { EngineEvent } from './engine-events.ts';

export interface DockerDriverOptions {
  readonly settings: ContainerSettings;
  /** Whether the containers live on when the controller goes, for the next one to adopt. */
  readonly keepOnClose: boolean;
  readonly log: Logger;
  /** Called when something has changed that `list` or `trouble` tell of. */
  readonly onChange: () => void;
}

/** What is running is asked this often, in ms, since events can be missed. */
const listEveryMs = 2000;
/** No answer from the engine is waited for longer than this, in ms. */
const callTimeoutMs = 20_000;
const listTimeoutMs = 5000;

/** Runs each worker as a container. Containers are known by their labels, so that a new controller adopts them. */
export class DockerDriver implements Driver {
  readonly kind = 'docker';
  readonly #docker = new Docker();
  readonly #options: DockerDriverOptions;
  readonly #events: EngineEvents;
  readonly #listeners = new Set<(death: Death) => void>();
  readonly #config: string;
  #running = new Map<string, Instance>();
  /** Containers that ended; a list that the engine made just before may still show them running. */
  #ended = new Set<string>();
  #trouble: string | undefined = 'the Docker engine was not asked yet';
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: DockerDriverOptions) {
    this.#options = options;
    this.#config = configHash(options.settings);
    const filters = { type: ['container'], label: [`${labels.namespace}=${options.settings.namespace}`] };
    this.#events = new EngineEvents(
      this.#docker,
      filters,
      (event) => this.#onEvent(event),
      () => this.#refreshSoon(),
      options.log,
    );
  }

  async start(): Promise<void> {
    this.#events.start();
    await this.#refresh();
    this.#timer = setInterval(() => this.#refreshSoon(), listEveryMs);
  }

  list(): readonly Instance[] {
    return [...this.#running.values()];
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
    if (this.#find(name, generation)) return;
    await this.#freeName(name);
    const spec = containerSpec(this.#options.settings, name, generation);
    const container = await this.#docker.createContainer({ ...spec, abortSignal: within(callTimeoutMs) });
    try {
      await container.start({ abortSignal: within(callTimeoutMs) });
    } catch (error) {
      await container.remove({ force: true, abortSignal: within(callTimeoutMs) }).catch(() => undefined);
      throw error;
    }
    await this.#refresh();
  }

  async remove(name: string, generation: number, graceMs: number): Promise<void> {
    const instance = this.#find(name, generation);
    if (instance) await this.#end(instance, graceMs);
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#events.stop();
    await this.#refreshing;
    if (!this.#options.keepOnClose)
      await Promise.all(this.list().map((instance) => this.#end(instance, graceMs)));
  }

  async #end({ id }: Instance, graceMs: number): Promise<void> {
    const container = this.#docker.getContainer(id);
    const stopS = Math.ceil(graceMs / 1000);
    if (stopS > 0) {
      const abortSignal = within(callTimeoutMs + graceMs);
      await container.stop({ t: stopS, abortSignal }).catch(ignore(304, 404));
    }
    await container
      .remove({ force: true, v: true, abortSignal: within(callTimeoutMs) })
      .catch(ignore(404, 409));
    this.#bury(id, 'removed', true);
    if (!this.#closed) await this.#refresh();
  }

  #find(name: string, generation: number): Instance | undefined {
    return this.list().find((instance) => instance.name === name && instance.generation === generation);
  }

  /** A container's name is the replica's. An older generation that still runs makes way; one that ended is removed. */
  async #freeName(name: string): Promise<void> {
    const container = this.#docker.getContainer(name);
    const found = await container.inspect({ abortSignal: within(callTimeoutMs) }).catch(ignore(404));
    if (found === undefined) return;
    const { Labels } = found.Config;
    if (Labels[labels.namespace] !== this.#options.settings.namespace) {
      throw new Error(`a container named ${name} is there already, and it is not of this namespace`);
    }
    if (!found.State.Running) {
      await container
        .remove({ force: true, v: true, abortSignal: within(callTimeoutMs) })
        .catch(ignore(404, 409));
      return;
    }
    await container.rename({
      name: `${name}.${Labels[labels.generation]}`,
      abortSignal: within(callTimeoutMs),
    });
  }

  #onEvent({ action, id, attributes }: EngineEvent): void {
    const { exitCode } = attributes;
    if (action === 'die') this.#bury(id, `exited with code ${exitCode ?? 'unknown'}`, exitCode === '0');
    if (['die', 'start', 'destroy', 'pause', 'unpause'].includes(action)) this.#refreshSoon();
  }

  #bury(id: string, reason: string, clean: boolean): void {
    const instance = this.#running.get(id);
    if (instance === undefined) return;
    this.#running.delete(id);
    this.#ended.add(id);
    const { name, generation } = instance;
    for (const listener of this.#listeners) listener({ name, generation, reason, clean });
  }

  #refreshSoon(): void {
    if (!this.#closed) void this.#refresh();
  }

  /** Asks what runs; never rejects: what went wrong is told by `trouble`. */
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
        await this.#look();
        this.#trouble = undefined;
      } catch (error) {
        this.#trouble = `the Docker engine does not answer: ${reasonOf(error)}`;
      }
      if (before === this.#trouble) continue;
      this.#options.log[this.#trouble === undefined ? 'info' : 'warn'](
        { trouble: this.#trouble ?? null },
        this.#trouble ?? 'the Docker engine answers',
      );
      this.#options.onChange();
    }
  }

  async #look(): Promise<void> {
    const { namespace, image } = this.#options.settings;
    const filters = { label: [`${labels.namespace}=${namespace}`] };
    const [containers, current] = await Promise.all([
      this.#docker.listContainers({ all: true, filters, abortSignal: within(listTimeoutMs) }),
      this.#docker.getImage(image).inspect().catch(ignore(404)),
    ]);
    const seen = new Map<string, Instance>();
    for (const container of containers) {
      if (container.State === 'running' || container.State === 'paused') {
        if (!this.#ended.has(container.Id)) seen.set(container.Id, this.#instanceOf(container, current?.Id));
      } else if (container.State === 'exited' || container.State === 'dead') {
        await this.#docker
          .getContainer(container.Id)
          .remove({ force: true, v: true, abortSignal: within(listTimeoutMs) })
          .catch(ignore(404, 409));
      }
    }
    this.#ended = this.#ended.intersection(new Set(containers.map(({ Id }) => Id)));
    const before = this.#running;
    for (const id of before.keys()) if (!seen.has(id)) this.#bury(id, 'its container is gone', false);
    const fresh = [...seen.keys()].some((id) => !before.has(id));
    this.#running = seen;
    if (fresh) this.#options.onChange();
  }

  #instanceOf({ Id, ImageID, Labels }: ContainerInfo, currentImage: string | undefined): Instance {
    const otherImage = currentImage !== undefined && ImageID !== currentImage;
    return {
      name: Labels[labels.replica] ?? '',
      generation: Number(Labels[labels.generation]),
      id: Id,
      outdated: Labels[labels.config] !== this.#config || otherImage,
    };
  }
}

function within(ms: number): AbortSignal {
  return AbortSignal.timeout(ms);
}

/** @returns a handler for rejections that passes over answers of these statuses: what was asked for is so already. */
function ignore(...statuses: readonly number[]): (error: unknown) => undefined {
  return (error) => {
    const status =
      typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
    if (typeof status === 'number' && statuses.includes(status)) return undefined;
    throw error;
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
