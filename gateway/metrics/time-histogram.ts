import { Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { timeBucketsMs } from '#shared/contract/gateway-report.ts';
import type { ReplicaTimes, TimeBuckets } from './replica-times.ts';

export interface TimeHistogramOptions {
  readonly name: string;
  readonly help: string;
  readonly registry: Registry;
  readonly all: () => ReadonlyMap<string, ReplicaTimes>;
  readonly bucketsOf: (times: ReplicaTimes) => TimeBuckets;
}

/** A value as the registry writes it. */
interface WrittenValue {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly metricName: string;
}

/** A histogram by replica, in seconds. It shows counts that are kept elsewhere and counts nothing itself. */
export class TimeHistogram extends Histogram<'replica'> {
  readonly #options: TimeHistogramOptions;

  constructor(options: TimeHistogramOptions) {
    const { name, help, registry } = options;
    super({ name, help, labelNames: ['replica'], registers: [registry] });
    this.#options = options;
  }

  /** The registry asks for the values with this method, which prom-client does not declare. */
  getForPromString(): Promise<object> {
    const { name, help, all, bucketsOf } = this.#options;
    const values: WrittenValue[] = [];
    for (const [replica, times] of all()) {
      const sharedLabels = { replica };
      const { counts, sumMs } = bucketsOf(times);
      let count = 0;
      for (const [at, each] of counts.entries()) {
        const ms = timeBucketsMs[at];
        count += each;
        const labels = { le: ms === undefined ? '+Inf' : ms / 1000 };
        values.push({ labels, sharedLabels, value: count, metricName: `${name}_bucket` });
      }
      const labels = {};
      values.push({ labels, sharedLabels, value: sumMs / 1000, metricName: `${name}_sum` });
      values.push({ labels, sharedLabels, value: count, metricName: `${name}_count` });
    }
    return Promise.resolve({ name, help, type: 'histogram', values, aggregator: 'sum' });
  }
}
