/**
 * `npm run simulate [-- --seeds 5 --report docs/autoscaling.md]`: compares rules of autoscaling.
 * `npm run simulate -- scale`: measures what a system costs while nobody sends requests.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compare } from './comparison.ts';
import { tableOf, withTable } from './report.ts';

const [what, ...rest] = process.argv.slice(2);
if (what === 'scale') {
  const { simulateScale } = await import('./scale/main.ts');
  await simulateScale(rest);
} else compareRules();

function compareRules(): void {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '5' }, report: { type: 'string' } },
  });
  const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => at + 1);
  const table = tableOf(compare(seeds));
  process.stdout.write(`${table}\n`);
  if (values.report !== undefined)
    writeFileSync(values.report, withTable(readFileSync(values.report, 'utf8'), table));
}
