import type { Logger } from '#shared/process/logger.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import type { Weights } from '../ring/weights.ts';
import { withoutServer } from '../ring/upstream-positions.ts';
import { beyondLimit } from './limit.ts';

const maxNamed = 10;

/** Logs what is unusual about the desired replicas, once for each change. */
export class DesiredNotes {
  readonly #maxReplicas: number;
  readonly #log: Logger;
  #names: readonly string[] = [];
  #weights: Weights = new Map();
  #version = -1;
  #surplus = 0;
  #withoutServer = 0;

  constructor(maxReplicas: number, log: Logger) {
    this.#maxReplicas = maxReplicas;
    this.#log = log;
  }

  /** The replicas that were desired at the last observation. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** The weights that they had. */
  get weights(): Weights {
    return this.#weights;
  }

  /** Logs the replicas that Redis lost since `/add` added them, and those that must not be started. */
  note(state: RingState): void {
    const { version, desired, upstreams } = state;
    const names = desired.map(({ name }) => name);
    const replicas = this.#names.filter((name) => !names.includes(name));
    if (version < this.#version && replicas.length > 0)
      this.#log.warn({ replicas }, 'Redis has lost these replicas, which /add had added; add them again');
    const surplus = beyondLimit(desired, this.#maxReplicas);
    if (surplus.size > 0 && surplus.size !== this.#surplus)
      this.#log.warn(
        { desired: desired.length, notStarted: [...surplus].slice(0, maxNamed) },
        `MAX_REPLICAS is ${this.#maxReplicas}: of the desired replicas, the last to join are not started`,
      );
    const lacking = withoutServer(state);
    if (lacking.length > 0 && lacking.length !== this.#withoutServer)
      this.#log.warn(
        { desired: desired.length, notStarted: lacking.slice(0, maxNamed) },
        `UPSTREAMS lists ${upstreams.length} servers: the replicas that have none are not started; remove ` +
          'them with /rm, or add servers',
      );
    this.#names = names;
    this.#weights = new Map(desired.map(({ name, weight }) => [name, weight]));
    this.#version = version;
    this.#surplus = surplus.size;
    this.#withoutServer = lacking.length;
  }
}
