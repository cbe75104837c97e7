/**
 * `npm run bench` measures ringpost and its peers as real servers, in turns. `--help` lists the options.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { help, parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { curveNames } from './growth/measure-growth.ts';
import { mergeResults } from './merge-results.ts';
import { ratiosJson } from './ratios.ts';
import { installBenchPackages } from './packages.ts';
import { summaryLines } from './report/summary.ts';
import { writeReport } from './report/write-report.ts';
import type { Results } from './results.ts';
import { compare, grow } from './run.ts';
import { ours, systems } from './systems/all.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(options: CommandLine): Promise<number> {
  if (options.list) {
    for (const { name, title } of systems) say(`${name}: ${title}`);
    say(`with --growth: ${curveNames.join(', ')}`);
    return 0;
  }
  const results = await resultsOf(options);
  for (const line of summaryLines(results.samples, ours.name)) say(line);
  if (options.json !== undefined) {
    const ratios = ratiosJson(results.samples, ours.name);
    await writeFile(options.json, `${JSON.stringify({ ratios, ...results })}\n`);
  }
  if (options.report !== undefined) {
    await installBenchPackages(say);
    await writeReport(options.report, results, ours.name);
  }
  for (const { system, round, why } of results.missing) {
    say(`left out: ${system}${round === undefined ? '' : ` in round ${round}`}: ${why}`);
  }
  const faulty = [
    ...results.samples,
    ...(results.growth?.points ?? []).map(({ sample }) => sample),
    ...(results.growth?.backlog ?? []).map(({ faults }) => ({ system: ours.name, faults })),
  ].filter(({ faults }) => faults.length > 0);
  for (const [name, own] of Map.groupBy(faulty, ({ system }) => system)) {
    say(`wrong answers: ${name} in ${own.length} measurements`);
  }
  // A peer's faults are only reported. Ringpost's own make the run fail.
  const peers = new Set(systems.map(({ name }) => name).filter((name) => !name.startsWith(ours.name)));
  return [...faulty, ...results.missing].some(({ system }) => !peers.has(system)) ? 1 : 0;
}

/** Measures, or reads earlier results. */
async function resultsOf(options: CommandLine): Promise<Results> {
  const [first, ...more] = options.from;
  if (first === undefined) return options.growth ? grow(options, say) : compare(options, say);
  return mergeResults(await read(first), ...(await Promise.all(more.map(read))));
}

async function read(file: string): Promise<Results> {
  return JSON.parse(await readFile(file, 'utf8')) as Results; // --json wrote it
}

if (process.argv.includes('--help')) say(help);
else {
  try {
    process.exitCode = await main(parseCommandLine(process.argv.slice(2)));
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
