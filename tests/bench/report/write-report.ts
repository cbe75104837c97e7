import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { saveChart } from '../charts/charts.ts';
import type { Results } from '../results.ts';
import { chartsOf } from './charts.ts';
import { withKeptSections } from './kept-sections.ts';
import { report } from './report.ts';
import type { Section } from './report.ts';

/**
 * Writes the report and, to the folder `charts` beside it, its charts. What takes long to measure and is not
 * in the results is kept from the file of before. Call `installBenchPackages` before.
 * @param ours name of the system that the others are compared with
 */
export async function writeReport(file: string, results: Results, ours: string): Promise<void> {
  const folder = join(dirname(file), 'charts');
  const pictures: Partial<Record<Section, string>> = {};
  await mkdir(folder, { recursive: true });
  for (const { section, shows, spec } of chartsOf(results, ours)) {
    const name = `${basename(file, '.md')}-${section}`;
    await saveChart(folder, name, spec);
    pictures[section] = `![${shows}](charts/${name}.svg)`;
  }
  const before = await readFile(file, 'utf8').catch(() => '');
  await writeFile(file, withKeptSections(before, report(results, ours, pictures)));
}
