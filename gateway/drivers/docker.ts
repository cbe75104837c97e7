import Docker from 'dockerode';
import type { Container, ContainerInfo } from 'dockerode';
import type { Logger } from '#shared/process/logger.ts';
import { safeMessage } from '#shared/process/safe-error.ts';
import { composeLabels, projectLabel } from './compose-labels.ts';
import type { ComposeLabels } from './compose-labels.ts';
import { configHash, containerSpec, labels, temporaryName } from './container-spec.ts';
import type { ContainerSettings } from './container-spec.ts';
import { endingOf } from './driver.ts';
import type { Death, Driver, Ending, Instance } from './driver.ts';
import { askEngine, ignore } from './engine-call.ts';
import { startWithInput } from './container-input.ts';
import { lastLogLines } from './container-logs.ts';
import { EngineEvents } from './engine-events.ts';
import type { EngineEvent } from './engine-events.ts';

export interface DockerDriverOptions {
  readonly settings: ContainerSettings;
  /** @returns the key of the hash that identifies the settings of a container. */
  readonly configKey: () => Promise<string>;
  /** Whether the containers go on when the controller stops, so that the next controller takes them over. */
  readonly keepOnClose: boolean;
  readonly log: Logger;
  /** Called if `list` or `trouble` would return something else now. */
  readonly onChange: () => void;
}

/** Containers are listed this often, in ms, since events can be missed. */
const pollIntervalMs = 2000;
/** Time in ms in which the engine has to answer. */
const callTimeoutMs = 20_000;
const listTimeoutMs = 5000;
/** A container that was not started within this time, in seconds, was left by a dead controller. */
const maxCreatedS = 120;

/** Runs each worker as a container. Its labels identify it, so that a new controller takes it over. */
export class DockerDriver implements Driver {
  readonly kind = 'docker';
  readonly #docker = new Docker();
  readonly #options: DockerDriverOptions;
  readonly #events: EngineEvents;
  readonly #listeners = new Set<(death: Death) => void>();
  /** The hash of the current settings; set before containers are listed. */
  #config = '';
  /** Undefined until the engine has answered. */
  #compose: ComposeLabels | undefined;
  #running = new Map<string, Instance>();
  /** Containers that ended; a list that the engine made just before may still show them running. */
  #ended = new Set<string>();
  /** The logs of ended containers that are being read. Such a container is not removed before. */
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
    this.#timer = setInterval(() => this.#refreshSoon(), pollIntervalMs);
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
    this.#noteEnd(id, { reason: 'removed', clean: true });
    if (!this.#closed) await this.#refresh();
  }

  /** Removes a container, even if another process is removing it. Afterwards its name is free. */
  async #remove(container: Container): Promise<void> {
    await this.#reading.get(container.id);
    await askEngine(callTimeoutMs, (abortSignal) =>
      container.remove({ force: true, v: true, abortSignal }),
    ).catch(ignore(404, 409));
    // The other process may not be done yet.
    await askEngine(callTimeoutMs, (abortSignal) =>
      container.wait({ condition: 'removed', abortSignal }),
    ).catch(ignore(404));
  }

  /**
   * A container has the name of its replica. An ended container that still has the name is removed.
   * @returns the name for a new container: a temporary one while an older generation runs.
   */
  async #freeName(name: string): Promise<string> {
    if (await this.#isFree(name)) return name;
    const temporary = temporaryName(name);
    if (await this.#isFree(temporary)) return temporary;
    throw new Error(`two containers of ${name} run already`);
  }

  /** Removes an ended container of this name. @returns whether the name is free. */
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
    if (action === 'die') this.#noteEnd(id, endingOf(exitCode));
    if (['die', 'start', 'destroy', 'pause', 'unpause'].includes(action)) this.#refreshSoon();
  }

  #noteEnd(id: string, ending: Ending): void {
    const instance = this.#running.get(id);
    if (instance === undefined) return;
    this.#running.delete(id);
    this.#ended.add(id);
    const { name, generation } = instance;
    const stderr = ending.clean ? {} : { stderr: this.#lastLogLines(id) };
    const death = { name, generation, ...ending, ...stderr };
    for (const listener of this.#listeners) listener(death);
  }

  #lastLogLines(id: string): Promise<readonly string[]> {
    const reading = lastLogLines(this.#docker.getContainer(id)).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  #refreshSoon(): void {
    if (!this.#closed) void this.#refresh();
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
        this.#trouble = `the Docker engine does not answer: ${safeMessage(error)}`;
      }
      if (before === this.#trouble) continue;
      this.#options.log[this.#trouble === undefined ? 'info' : 'warn'](
        { trouble: this.#trouble ?? null },
        this.#trouble ?? 'the Docker engine answers',
      );
      // A stream that was open while the engine hung may never deliver an event again.
      if (this.#trouble === undefined) this.#events.reopen();
      this.#options.onChange();
    }
  }

  async #poll(): Promise<void> {
    const { namespace, image } = this.#options.settings;
    const filters = { label: [`${labels.namespace}=${namespace}`] };
    const containers = await askEngine(listTimeoutMs, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters, abortSignal }),
    );
    // Comes second since the client does not abort it: if the engine hangs, the call before has noticed.
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
    // They ended, and no event said so.
    const missed = [...before.keys()].filter((id) => !seen.has(id));
    for (const id of missed) this.#noteEnd(id, { reason: 'its container is gone', clean: false });
    if (missed.length > 0) this.#events.reopen();
    const fresh = [...seen.keys()].some((id) => !before.has(id));
    this.#running = seen;
    if (fresh) this.#options.onChange();
    await this.#tidy(containers);
  }

  /** Removes ended containers. Gives a replica's name to its new container once the old one is gone. */
  async #tidy(containers: readonly ContainerInfo[]): Promise<void> {
    const names = new Set(containers.flatMap(({ Names }) => Names));
    await Promise.all(
      containers.map(async ({ Id, State, Names, Labels, Created }) => {
        const container = this.#docker.getContainer(Id);
        const name = Labels[labels.replica] ?? '';
        // A person started it again. It waits for an input that it had already, and its replacement is being
        // started.
        const isRestarted = State === 'running' && this.#ended.has(Id);
        if (isRestarted || State === 'exited' || State === 'dead') await this.#remove(container);
        else if (State === 'created' && Date.now() / 1000 - Created > maxCreatedS)
          await this.#remove(container);
        else if (State === 'running' && Names.includes(`/${temporaryName(name)}`) && !names.has(`/${name}`)) {
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
