/**
 * `npm run simulate -- scale [--json one.json] [--report docs/scale.md]`: measures what idle replicas,
 * gateways and a controller cost Redis, and what each of them costs more as there are more of the others.
 * `--from one.json,other.json` makes the tables of earlier measurements.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureSize, measureWorker, measureWorkers } from './measure.ts';
import type { Size } from './measure.ts';
import { tables, withTables } from './report.ts';
import type { Measured } from './report.ts';

/** @returns the numbers of a list; none of an empty one. */
const numbers = (text: string): number[] => (text === '' ? [] : text.split(',').map(Number));

/** @param args of the command line. */
export async function simulateScale(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      report: { type: 'string' },
      replicas: { type: 'string', default: '10,100,1000' },
      gateways: { type: 'string', default: '1,2,4,8' },
      workers: { type: 'string', default: '8' },
      together: { type: 'string', default: '100,300,1000' },
      json: { type: 'string' },
      from: { type: 'string' },
    },
  });
  if (values.from !== undefined) {
    write(merged(values.from.split(',')), values.report);
    return;
  }
  const worker = await measureWorker(Number(values.workers));
  const workers = await measureWorkers(numbers(values.together));
  const sizes: Size[] = [];
  for (const replicas of numbers(values.replicas)) {
    process.stderr.write(`${replicas} replicas\n`);
    sizes.push(await measureSize(replicas, numbers(values.gateways)));
  }
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ worker, workers, sizes }));
  write({ worker, workers, sizes }, values.report);
}

/** @returns the sizes of several measurements, with the workers of the first one. */
function merged(files: readonly string[]): Measured {
  // Written by this program.
  const all = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Measured);
  const [first] = all;
  if (first === undefined) throw new Error('no file was named');
  const sizes = all.flatMap((each) => each.sizes).toSorted((one, other) => one.replicas - other.replicas);
  return { ...first, sizes };
}

function write(measured: Measured, report: string | undefined): void {
  const text = tables(measured);
  process.stdout.write(`${text}\n`);
  if (report !== undefined) writeFileSync(report, withTables(readFileSync(report, 'utf8'), text));
}
