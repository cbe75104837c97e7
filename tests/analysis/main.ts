/**
 * `npm run analysis` measures real systems for the load balancer assignment and writes a
 * document with tables and charts. `--quick` runs everything with few requests and keeps nothing.
 */
import { rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { openWorkshop } from '../chaos/workshop.ts';
import { installBenchPackages } from '../bench/packages.ts';
import { startProgress } from '../bench/progress.ts';
import { parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { measureAll, workOf } from './measure.ts';
import { writeReport } from './report.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(options: CommandLine): Promise<void> {
  await installBenchPackages(say);
  const [load = 0] = loadavg();
  const workshop = await openWorkshop(say, 'analysis');
  const progress = startProgress(workOf(options));
  // All other processes end with this one, so only files are left to remove.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      progress.stop();
      rmSync(workshop.folder, { recursive: true, force: true, maxRetries: 5 });
      process.exit(1);
    });
  }
  let complete = false;
  try {
    const results = await measureAll(workshop, options, progress);
    progress.stop();
    for (const file of await writeReport(results, options, load, workshop.folder)) say(file);
    complete = true;
  } finally {
    progress.stop();
    if (!complete) say(`logs: ${workshop.folder}`);
    await workshop.close(!complete);
  }
}

try {
  await main(parseCommandLine(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`analysis: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
