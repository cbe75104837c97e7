import type { JSX } from 'preact';
import type { SampleView, TotalsView } from '#shared/contract/api/overview.ts';
import { hrefOf } from '../data/route.ts';
import { bytes, count, duration, rate } from '../words/numbers.ts';

interface Number {
  readonly label: string;
  readonly value: string;
  readonly hint?: string | undefined;
  readonly href?: string;
  readonly tone?: 'bad' | undefined;
}

/** The numbers of the whole system. */
export function Totals({
  totals,
  sample,
}: {
  readonly totals: TotalsView;
  readonly sample: SampleView | null;
}): JSX.Element {
  const spilled = sample?.spilledPerS ?? 0;
  const failures = sample?.failuresPerS ?? 0;
  const numbers: readonly Number[] = [
    {
      label: 'requests/s',
      value: rate(sample?.requestsPerS ?? 0),
      hint: spilled > 0 ? `${rate(spilled)} spilled` : undefined,
      href: hrefOf(['requests']),
    },
    { label: 'failures/s', value: rate(failures), tone: failures > 0 ? 'bad' : undefined },
    {
      label: 'p99 total',
      value: duration(sample?.totalMs?.p99),
      hint: `median ${duration(sample?.totalMs?.p50)}`,
    },
    { label: 'waiting', value: count(totals.waiting), hint: `${count(totals.delayed)} delayed` },
    { label: 'running', value: count(totals.active), hint: `${count(totals.streams)} streams` },
    { label: 'in flight', value: count(totals.inFlight), hint: `${bytes(totals.heldBytes)} held` },
    {
      label: 'dead letters',
      value: count(totals.deadLetters),
      href: hrefOf(['dead-letters']),
      tone: totals.deadLetters > 0 ? 'bad' : undefined,
    },
  ];
  return (
    <dl class="totals card">
      {numbers.map(({ label, value, hint, href, tone }) => (
        <div key={label}>
          <dt>{href === undefined ? label : <a href={href}>{label}</a>}</dt>
          <dd>
            <span class={`number ${tone ?? ''}`}>{value}</span>
            <span class="soft">{hint}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
