/**
 * `npm run bench:streams` measures answers that stream, beside a proxy in front of the same upstream.
 * `--help` lists the options.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { help, parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { report, resultTable } from './report.ts';
import type { StreamResults } from './results.ts';
import { measure } from './run.ts';
import { peer } from './targets.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(options: CommandLine): Promise<number> {
  const { from, json, report: file } = options;
  const results =
    from === undefined
      ? await measure(options, say)
      : (JSON.parse(await readFile(from, 'utf8')) as StreamResults); // --json wrote it
  if (json !== undefined) await writeFile(json, `${JSON.stringify(results)}\n`);
  if (file !== undefined) await writeFile(file, report(results));
  say(`\n${resultTable(results.samples)}`);
  for (const { system, round, why } of results.missing) say(`left out: ${system} in round ${round}: ${why}`);
  const faulty = results.samples.filter(({ faults }) => faults.length > 0);
  for (const { system, round, row } of faulty) say(`wrong answers: ${system}, ${row} in round ${round}`);
  // A peer's faults are only reported. Ringpost's own make the run fail; missed targets do not.
  return [...faulty, ...results.missing].some(({ system }) => system !== peer) ? 1 : 0;
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
