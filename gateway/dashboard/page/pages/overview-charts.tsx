import { computed, signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { PercentilesView } from '#shared/contract/api/replicas.ts';
import { samples } from '../data/stream.ts';
import { Card } from '../parts/card.tsx';
import { Chart } from '../parts/chart.tsx';
import { Segments } from '../parts/field.tsx';
import type { Line } from '../parts/plot.tsx';
import { duration, rate } from '../words/numbers.ts';

type Percentile = keyof PercentilesView;

const percentiles: readonly Percentile[] = ['p50', 'p95', 'p99'];
const percentile = signal<Percentile>('p99');

const times = computed(() => samples.value.map(({ at }) => at));
const throughput = computed<readonly Line[]>(() => [
  {
    label: 'answered',
    class: 'p-requests',
    isFilled: true,
    values: samples.value.map(({ requestsPerS }) => requestsPerS),
  },
  { label: 'failed', class: 'p-failures', values: samples.value.map(({ failuresPerS }) => failuresPerS) },
]);
const latency = computed<readonly Line[]>(() => {
  const of = (name: 'waitMs' | 'serviceMs' | 'totalMs'): (number | null)[] =>
    samples.value.map((sample) => sample[name]?.[percentile.value] ?? null);
  return [
    { label: 'wait in the queue', class: 'p-wait', values: of('waitMs') },
    { label: 'service', class: 'p-service', values: of('serviceMs') },
    { label: 'total', class: 'p-total', values: of('totalMs') },
  ];
});

/** What was answered over time, and how long it took. */
export function OverviewCharts(): JSX.Element {
  const latest = samples.value.at(-1);
  const chosen = percentile.value;
  const choice = (
    <Segments
      label="Percentile of the times"
      value={chosen}
      options={percentiles}
      onValue={(value) => {
        percentile.value = percentiles.find((each) => each === value) ?? 'p99';
      }}
    />
  );
  return (
    <Card title="Throughput and times" hint="last 15 minutes" tools={choice}>
      <Chart
        title="Requests per second"
        times={times.value}
        lines={throughput.value}
        format={rate}
        summary={
          latest === undefined
            ? 'Requests per second: no numbers yet.'
            : `Requests per second over the last 15 minutes; the latest: ${rate(latest.requestsPerS)} answered, ` +
              `${rate(latest.failuresPerS)} failed.`
        }
      />
      <Chart
        title={`Times, ${chosen}`}
        times={times.value}
        lines={latency.value}
        format={duration}
        summary={
          `Times at ${chosen} over the last 15 minutes; the latest: ${duration(latest?.waitMs?.[chosen])} wait, ` +
          `${duration(latest?.serviceMs?.[chosen])} service, ${duration(latest?.totalMs?.[chosen])} total.`
        }
      />
    </Card>
  );
}
