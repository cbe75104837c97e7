import Docker from 'dockerode';
import type { Container, ContainerInfo } from 'dockerode';
import type { Logger } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import { composeLabels, projectLabel } from './compose-labels.ts';
import type { ComposeLabels } from './compose-labels.ts';
import { configHash, containerSpec, labels, nameInWaiting } from './container-spec.ts';
import type { ContainerSettings } from './container-spec.ts';
import type { Death, Driver, Instance } from './driver.ts';
import { askEngine, ignore } from './engine-call.ts';
import { startWithInput } from './container-input.ts';
import { lastWords } from './container-logs.ts';
import { EngineEvents } from './engine-events.ts';
import type { EngineEvent } from './engine-events.ts';

export interface DockerDriverOptions {
  readonly settings: ContainerSettings;
  /** @returns the key of the hash by which containers of other settings are known. */
  readonly configKey: () => Promise<string>;
  /** Whether the containers live on when the controller goes, for the next one to take over. */
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
/** A container that was created and not started within this time, in seconds, is what a dead controller has left. */
const createdForS = 120;

/** Runs each worker as a container. Containers are known by their labels, so that a new controller takes them over. */
export class DockerDriver implements Driver {
  readonly kind = 'docker';
  readonly #docker = new Docker();
  readonly #options: DockerDriverOptions;
  readonly #events: EngineEvents;
  readonly #listeners = new Set<(death: Death) => void>();
  /** What is running is not known before it is. */
  #config = '';
  /** Undefined until the engine was asked. */
  #compose: ComposeLabels | undefined;
  #running = new Map<string, Instance>();
  /** Containers that ended; a list that the engine made just before may still show them running. */
  #ended = new Set<string>();
  /** Logs of containers that ended: a container is not removed before they are read. */
  readonly #reading = new Map<string, Promise<readonly string[]>>();
  #trouble: string | undefined = 'the Docker engine was not asked yet';
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: DockerDriverOptions) {
    this.#options = options;
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
    this.#config = configHash(this.#options.settings, await this.#options.configKey());
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
    if (this.list().some((each) => each.name === name && each.generation === generation)) return;
    const free = await this.#freeName(name);
    const compose = await this.#composeLabels();
    const spec = containerSpec(this.#options.settings, name, generation, this.#config, compose);
    const container = await askEngine(callTimeoutMs, (abortSignal) =>
      this.#docker.createContainer({ ...spec, name: free, abortSignal }),
    );
    try {
      await startWithInput(container, this.#options.settings.redisUrl, callTimeoutMs);
    } catch (error) {
      await this.#remove(container).catch(() => undefined);
      throw error;
    }
    await this.#refresh();
  }

  async remove(name: string, generation: number, graceMs: number): Promise<void> {
    const instance = this.list().find((each) => each.name === name && each.generation === generation);
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

  async #composeLabels(): Promise<ComposeLabels> {
    return (this.#compose ??= await composeLabels(this.#docker, listTimeoutMs));
  }

  async #end({ id }: Instance, graceMs: number): Promise<void> {
    const container = this.#docker.getContainer(id);
    const stopS = Math.ceil(graceMs / 1000);
    if (stopS > 0) {
      await askEngine(callTimeoutMs + graceMs, (abortSignal) =>
        container.stop({ t: stopS, abortSignal }),
      ).catch(ignore(304, 404));
    }
    await this.#remove(container);
    this.#bury(id, 'removed', true);
    if (!this.#closed) await this.#refresh();
  }

  /** Removes a container, also one that someone else removes. Its name is free then. */
  async #remove(container: Container): Promise<void> {
    await this.#reading.get(container.id);
    await askEngine(callTimeoutMs, (abortSignal) =>
      container.remove({ force: true, v: true, abortSignal }),
    ).catch(ignore(404, 409));
    // Who removes it already may not be done.
    await askEngine(callTimeoutMs, (abortSignal) =>
      container.wait({ condition: 'removed', abortSignal }),
    ).catch(ignore(404));
  }

  /**
   * A container's name is the replica's; what has ended and still has it is removed.
   * @returns the name for a new container: another one while an older generation runs, until that has gone.
   */
  async #freeName(name: string): Promise<string> {
    if (await this.#isFree(name)) return name;
    const inWaiting = nameInWaiting(name);
    if (await this.#isFree(inWaiting)) return inWaiting;
    throw new Error(`two containers of ${name} run already`);
  }

  /** @returns whether no container has the name, after it was taken from one that has ended. */
  async #isFree(name: string): Promise<boolean> {
    const container = this.#docker.getContainer(name);
    const found = await askEngine(callTimeoutMs, (abortSignal) => container.inspect({ abortSignal })).catch(
      ignore(404),
    );
    if (found === undefined) return true;
    if (found.Config.Labels[labels.namespace] !== this.#options.settings.namespace) {
      throw new Error(`a container named ${name} is there already, and it is not of this namespace`);
    }
    if (found.State.Running) return false;
    await this.#remove(this.#docker.getContainer(found.Id));
    return true;
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
    const death = { name, generation, reason, clean, ...(clean ? {} : { stderr: this.#lastWords(id) }) };
    for (const listener of this.#listeners) listener(death);
  }

  #lastWords(id: string): Promise<readonly string[]> {
    const reading = lastWords(this.#docker.getContainer(id)).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
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
        this.#trouble = `the Docker engine does not answer: ${safeMessage(error)}`;
      }
      if (before === this.#trouble) continue;
      this.#options.log[this.#trouble === undefined ? 'info' : 'warn'](
        { trouble: this.#trouble ?? null },
        this.#trouble ?? 'the Docker engine answers',
      );
      // A stream that was open while the engine hung may never tell anything again.
      if (this.#trouble === undefined) this.#events.reopen();
      this.#options.onChange();
    }
  }

  async #look(): Promise<void> {
    const { namespace, image } = this.#options.settings;
    const filters = { label: [`${labels.namespace}=${namespace}`] };
    const containers = await askEngine(listTimeoutMs, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters, abortSignal }),
    );
    // Second, since the client does not abort this one: what hangs is found out by the call before.
    const current = await askEngine(listTimeoutMs, () => this.#docker.getImage(image).inspect()).catch(
      ignore(404),
    );
    const { [projectLabel]: project } = await this.#composeLabels();
    const seen = new Map<string, Instance>();
    for (const container of containers) {
      if (container.State !== 'running' && container.State !== 'paused') continue;
      if (!this.#ended.has(container.Id))
        seen.set(container.Id, this.#instanceOf(container, current?.Id, project));
    }
    this.#ended = this.#ended.intersection(new Set(containers.map(({ Id }) => Id)));
    const before = this.#running;
    // It ended, and no event has said so.
    const missed = [...before.keys()].filter((id) => !seen.has(id));
    for (const id of missed) this.#bury(id, 'its container is gone', false);
    if (missed.length > 0) this.#events.reopen();
    const fresh = [...seen.keys()].some((id) => !before.has(id));
    this.#running = seen;
    if (fresh) this.#options.onChange();
    await this.#tidy(containers);
  }

  /** Removes what has ended, and gives a replica's name to its container once the one before has gone. */
  async #tidy(containers: readonly ContainerInfo[]): Promise<void> {
    const names = new Set(containers.flatMap(({ Names }) => Names));
    await Promise.all(
      containers.map(async ({ Id, State, Names, Labels, Created }) => {
        const container = this.#docker.getContainer(Id);
        const name = Labels[labels.replica] ?? '';
        // Somebody has started it again: it waits for an input that it had, and its replacement is on its way.
        const again = State === 'running' && this.#ended.has(Id);
        if (again || State === 'exited' || State === 'dead') await this.#remove(container);
        else if (State === 'created' && Date.now() / 1000 - Created > createdForS)
          await this.#remove(container);
        else if (State === 'running' && Names.includes(`/${nameInWaiting(name)}`) && !names.has(`/${name}`)) {
          await askEngine(listTimeoutMs, (abortSignal) => container.rename({ name, abortSignal })).catch(
            ignore(404, 409),
          );
        }
      }),
    );
  }

  /** @param project the compose project that replicas belong to, if any. */
  #instanceOf(
    { Id, ImageID, Labels }: ContainerInfo,
    currentImage: string | undefined,
    project: string | undefined,
  ): Instance {
    const otherImage = currentImage !== undefined && ImageID !== currentImage;
    return {
      name: Labels[labels.replica] ?? '',
      generation: Number(Labels[labels.generation]),
      id: Id,
      outdated: Labels[labels.config] !== this.#config || Labels[projectLabel] !== project || otherImage,
    };
  }
}
