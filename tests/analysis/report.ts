import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { saveChart } from '../bench/charts/charts.ts';
import type { ChartSpec } from '../bench/charts/charts.ts';
import type { CommandLine } from './command-line.ts';
import { document } from './document.ts';
import { spreadFigure, speedFigure } from './comparison-figures.ts';
import { firstFigure, sharesFigure } from './count-figures.ts';
import { loadFigure, loadsFigure } from './load-figures.ts';
import { killFigure, recoveryFigure } from './recovery-figures.ts';
import { atFirstSize } from './results.ts';
import type { Results } from './results.ts';
import { spreadOf } from './spread.ts';

/**
 * Draws the charts and writes the document.
 * @param load the load average before the run.
 * @param scratch the folder for the files if none are to be kept.
 * @returns the files that are kept.
 */
export async function writeReport(
  results: Results,
  options: CommandLine,
  load: number,
  scratch: string,
): Promise<string[]> {
  const file = options.report ?? join(scratch, 'analysis.md');
  const charts = join(dirname(file), 'charts');
  await mkdir(charts, { recursive: true });
  const figures = Object.entries(figuresOf(results, options));
  for (const [name, spec] of figures) await saveChart(charts, name, spec);
  const machine = { processors: availableParallelism(), load, node: process.version, day: new Date() };
  await writeFile(file, document(results, options, machine));
  return options.report === undefined
    ? []
    : [file, ...figures.flatMap(([name]) => [join(charts, `${name}.svg`), join(charts, `${name}.png`)])];
}

/** @returns the charts by their names in the document. */
function figuresOf({ first, strategies }: Results, { rate }: CommandLine): Record<string, ChartSpec> {
  const [own] = strategies;
  const kill = own === undefined ? undefined : atFirstSize(own).kills[0];
  if (own === undefined || kill === undefined) throw new RangeError('nothing was measured');
  return {
    'analysis-a1': firstFigure(first),
    'analysis-a2': loadFigure(own),
    'analysis-a3': killFigure(kill, rate),
    'analysis-a4-requests': sharesFigure(strategies),
    'analysis-a4-loads': loadsFigure(strategies),
    'analysis-a4-spread': spreadFigure(strategies, ({ counts }) => spreadOf(counts).mostToMean),
    'analysis-a4-speed': speedFigure(strategies),
    'analysis-a4-recovery': recoveryFigure(strategies),
  };
}
