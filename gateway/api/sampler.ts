import type { SampleView } from '#shared/contract/api/overview.ts';
import type { GatewayReport } from '#shared/contract/gateway-report.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import type { Logger } from '#shared/process/logger.ts';
import { pairsWith, ratesOf } from './samples.ts';
import type { Rates, ReportPairs } from './samples.ts';

/** Where the processes of a namespace report. */
export interface ReportSource {
  readAll(): Promise<readonly GatewayReport[]>;
}

export interface SamplerOptions {
  readonly reports: ReportSource;
  /** Redis time, in ms since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

/** Time between two samples, in ms. */
export const sampleEveryMs = 2000;
/** Samples of the last 15 minutes. */
const maxSamples = 450;

/** Reads what all gateways have counted every two seconds, and keeps the rates of the last 15 minutes. */
export class Sampler {
  readonly #options: SamplerOptions;
  readonly #listeners = new Set<(sample: SampleView) => void>();
  readonly #life: StartStop;
  #pairs: ReportPairs = new Map();
  #samples: SampleView[] = [];
  #latest: Rates | undefined;
  #reports: readonly GatewayReport[] = [];

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#life = periodically(
      sampleEveryMs,
      () => this.#sample(),
      (error) => options.log.debug({ err: error }, 'the reports of the gateways could not be read'),
    );
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  /** The samples of the last 15 minutes, the oldest first. */
  get samples(): readonly SampleView[] {
    return this.#samples;
  }

  /** The latest rates; undefined until there are any. */
  get latest(): Rates | undefined {
    return this.#latest;
  }

  /** The latest reports of all processes. */
  get reports(): readonly GatewayReport[] {
    return this.#reports;
  }

  /** Calls `listener` with each new sample. @returns a function that ends the calls. */
  onSample(listener: (sample: SampleView) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #sample(): Promise<void> {
    const { reports, now } = this.#options;
    this.#reports = await reports.readAll();
    this.#pairs = pairsWith(this.#pairs, this.#reports);
    // Without two reports of any gateway there is no rate yet, and 0 would be wrong.
    if (![...this.#pairs.values()].some(({ before }) => before !== undefined)) return;
    this.#latest = ratesOf(this.#pairs, now());
    const { sample } = this.#latest;
    this.#samples = [...this.#samples.slice(1 - maxSamples), sample];
    for (const listener of this.#listeners) listener(sample);
  }
}
