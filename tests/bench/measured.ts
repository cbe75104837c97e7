import { summarise } from './numbers.ts';
import type { Summary } from './numbers.ts';
import type { Sample } from './sample.ts';

/** Looks up the samples of one run by system and number of connections. */
export class Measured {
  readonly #samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.#samples = samples;
  }

  /** The names of the systems, in the order of their turns. */
  get systems(): string[] {
    return [...new Set(this.#samples.map(({ system }) => system))];
  }

  /** All numbers of connections, ascending. */
  get connections(): number[] {
    return [...new Set(this.#samples.map(({ connections }) => connections))].toSorted((a, b) => a - b);
  }

  /** @returns the summary over the rounds; rounds without a value are ignored. */
  of(
    system: string,
    connections: number,
    value: (sample: Sample) => number | undefined,
  ): Summary | undefined {
    const values = this.#samples
      .filter((sample) => sample.system === system && sample.connections === connections)
      .flatMap((sample) => value(sample) ?? []);
    return summarise(values);
  }
}
