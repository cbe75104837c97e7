import type { Logger } from '#shared/process/logger.ts';
import type { Observed } from './observe.ts';
import { beyondLimit } from './limit.ts';

/** Logs what is strange about the desired replicas, once for each change. */
export class DesiredNotes {
  readonly #maxReplicas: number;
  readonly #log: Logger;
  #names: readonly string[] = [];
  #version = -1;
  #surplus = 0;

  constructor(maxReplicas: number, log: Logger) {
    this.#maxReplicas = maxReplicas;
    this.#log = log;
  }

  /** Those that were desired when it was looked at last. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Names those that Redis has lost since they were added by `/add`, and those beyond the limit. */
  note({ version, desired }: Pick<Observed, 'version' | 'desired'>): void {
    const names = desired.map(({ name }) => name);
    const replicas = this.#names.filter((name) => !names.includes(name));
    if (version < this.#version && replicas.length > 0)
      this.#log.warn({ replicas }, 'these replicas are lost with it; /add brings them back');
    const surplus = beyondLimit(desired, this.#maxReplicas);
    if (surplus.size > 0 && surplus.size !== this.#surplus)
      this.#log.warn(
        { desired: desired.length, notStarted: [...surplus].slice(0, mostNamed) },
        `MAX_REPLICAS is ${this.#maxReplicas}: of the desired replicas, the last to join are not started`,
      );
    this.#names = names;
    this.#version = version;
    this.#surplus = surplus.size;
  }
}

const mostNamed = 10;
