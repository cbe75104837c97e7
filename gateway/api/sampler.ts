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
  /** @returns the reports with counts by replica of gateways whose own reports have only sums. */
  readCounted(): Promise<ReadonlyMap<string, GatewayReport>>;
}

export interface SamplerOptions {
  readonly reports: ReportSource;
  /** Redis time, in ms since the epoch. */
  readonly now: () => number;
  readonly log: Logger;
}

/** Time between two samples, in ms. */
export const sampleEveryMs = 2000;
/** How long the counts by replica are read after somebody has looked at them, in ms. */
const interestMs = 15_000;
/** Samples of the last 15 minutes. */
const maxSamples = 450;

/** Reads what all gateways have counted every two seconds, and keeps the rates of the last 15 minutes. */
export class Sampler {
  readonly #options: SamplerOptions;
  readonly #listeners = new Set<(sample: SampleView) => void>();
  readonly #life: StartStop;
  #pairs: ReportPairs = new Map();
  #counted: ReportPairs = new Map();
  #wantedAt = Number.NEGATIVE_INFINITY;
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

  /**
   * The latest rates; undefined until there are any. In a large system those by replica are there some
   * seconds after the first call.
   */
  get latest(): Rates | undefined {
    this.#wantedAt = performance.now();
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
    await this.#readCounted();
    // Without two reports of any gateway there is no rate yet, and 0 would be wrong.
    if (![...this.#pairs.values()].some(({ before }) => before !== undefined)) return;
    this.#latest = ratesOf(this.#pairs, now(), this.#counted);
    const { sample } = this.#latest;
    this.#samples = [...this.#samples.slice(1 - maxSamples), sample];
    for (const listener of this.#listeners) listener(sample);
  }

  /** Reads the counts by replica, if some reports have only sums and somebody looks at them. */
  async #readCounted(): Promise<void> {
    const isWanted = performance.now() - this.#wantedAt < interestMs;
    if (!isWanted || this.#reports.every(({ sum }) => sum === undefined)) {
      this.#counted = new Map();
      return;
    }
    const counted = await this.#options.reports.readCounted();
    this.#counted = pairsWith(this.#counted, [...counted.values()]);
  }
}
