import { wrappedProse } from '../../fixtures/wrapped-prose.ts';
import type { Results } from '../results.ts';
import { bodySizes } from './body-sizes.ts';
import { latencies, processorCosts, rates, ratioTable, redisCosts, typical } from './comparison.ts';
import { whereTheTimeGoes } from './costs.ts';
import { faults } from './faults.ts';
import { growthSections } from './growth.ts';
import type { MeasuredKind } from './kinds.ts';
import { forEachKind, isMain, measuredKinds } from './kinds.ts';
import { limits } from './limits.ts';
import { method, repeat } from './method.ts';
import { paragraphs, table } from './table.ts';
import { verdicts } from './verdicts.ts';

/** The sections that may have a chart. */
export type Section = 'rates' | 'ratios' | 'latency' | 'costs' | 'growth';

/** Charts as Markdown. */
export type Pictures = Readonly<Partial<Record<Section, string>>>;

const aboutRatios =
  'Above 1, ringpost is faster. `redis-lists` is the lower bound: requests through Redis with no state kept.';

/**
 * Writes the report in Markdown. All numbers in it come from these results.
 * @param ours name of the system that the others are compared with
 */
export function report(results: Results, ours: string, pictures: Pictures = {}): string {
  const kinds = measuredKinds(results.samples);
  const main = kinds.filter(isMain);
  const ratios = forEachKind(main, ({ samples, measured }) => ratioTable(samples, ours, measured));
  const section = (title: string, ...parts: readonly string[]): string => {
    const body = paragraphs(...parts);
    return body === '' ? '' : `## ${title}\n\n${body}`;
  };
  const text = paragraphs(
    '# Performance',
    repeat,
    results.quick
      ? 'This was a quick run: short measurements, few rounds. The spread shows how reliable it is.'
      : '',
    section('Where ringpost is slower', verdicts(results, kinds, ours)),
    section(
      'Requests per second',
      forEachKind(main, ({ measured }) => rates(measured)),
      pictures.rates ?? '',
    ),
    section('Ours divided by theirs', ratios, pictures.ratios ?? '', ratios === '' ? '' : aboutRatios),
    section('Larger bodies', bodySizes(kinds, ours)),
    section(
      'Latency',
      forEachKind(main, ({ measured }) => latencies(measured)),
      pictures.latency ?? '',
    ),
    section('What a request costs', forEachKind(main, costs), pictures.costs ?? ''),
    section(
      'Where the time goes',
      forEachKind(main, ({ measured }) => whereTheTimeGoes(measured, ours)),
    ),
    section('Growth', results.growth ? growthSections(results.growth) : '', pictures.growth ?? ''),
    section('Limits', limits(main, ours)),
    section('Systems and their settings', systemTable(results)),
    section('Answers', results.samples.length === 0 && results.growth === undefined ? '' : faults(results)),
    section('How it is measured', method(results)),
  );
  return `${wrappedProse(text)}\n`;
}

function costs({ measured }: MeasuredKind): string {
  const count = typical(measured);
  const fewest = measured.connections[0] ?? count;
  return paragraphs(
    processorCosts(measured, count),
    fewest === count ? '' : processorCosts(measured, fewest),
    redisCosts(measured, count),
  );
}

function systemTable({ systems }: Results): string {
  return table(
    ['system', 'is', 'durable', 'settings'],
    systems.map(({ name, title, durable, settings }) => [
      `\`${name}\``,
      title,
      durable ? 'yes' : 'no',
      settings,
    ]),
  );
}
