/**
 * `npm run bench:load` measures how long requests take under uneven load, with ringpost and with proxies that
 * hash, in front of the same servers. `--help` lists the options.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { help, parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { report, resultTables, targetTable } from './report.ts';
import type { LoadResults } from './results.ts';
import { run } from './run.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** @param file one that `--json` wrote. */
async function readResults(file: string): Promise<LoadResults> {
  return JSON.parse(await readFile(file, 'utf8')) as LoadResults;
}

async function main(options: CommandLine): Promise<number> {
  const { from, json, report: file } = options;
  const results = from === undefined ? await run(options, say) : await readResults(from);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(results)}\n`);
  if (file !== undefined) await writeFile(file, report(results));
  say(`\n${resultTables(results)}\n\n${targetTable(results)}`);
  for (const { system, round, why } of results.missing) {
    say(`left out: ${system}${round === undefined ? '' : ` in round ${round}`}: ${why}`);
  }
  // What is not installed is only reported, and so are missed targets.
  return results.missing.some(({ round }) => round !== undefined) ? 1 : 0;
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
