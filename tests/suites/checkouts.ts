import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Suite } from './suite.ts';

const run = promisify(execFile);

/** @returns the commands that check out a suite, to run in `SUITES_DIR`. */
export function setupOf({ name, repository, commit, build }: Suite): string {
  const steps = [
    `git clone https://github.com/${repository} ${name}`,
    `cd ${name}`,
    `git checkout ${commit}`,
    'npm install --ignore-scripts',
    ...(build === undefined ? [] : [build]),
  ];
  return `(${steps.join(' && ')})`;
}

/**
 * @param directory the value of `SUITES_DIR`.
 * @returns lines on what is missing and how to get it; empty if nothing is missing.
 */
export function missing(directory: string | undefined, suites: readonly Suite[]): string[] {
  if (directory === undefined || directory === '') {
    return [
      'SUITES_DIR is not set. It is a folder with checkouts of the suites. To create it:',
      '  mkdir suites && cd suites && export SUITES_DIR=$PWD',
      ...suites.map((suite) => `  ${setupOf(suite)}`),
    ];
  }
  return suites.flatMap((suite) => {
    const { name, build, built } = suite;
    const checkout = join(directory, name);
    if (!existsSync(join(checkout, 'package.json')))
      return [`${checkout} is not a checkout. In ${directory}, run:`, `  ${setupOf(suite)}`];
    if (!existsSync(join(checkout, 'node_modules')))
      return [`${checkout} has no node_modules. In ${checkout}, run:`, '  npm install --ignore-scripts'];
    if (build !== undefined && built !== undefined && !existsSync(join(checkout, built)))
      return [`${checkout} is not built (no ${built}). In ${checkout}, run:`, `  ${build}`];
    return [];
  });
}

/** @returns the commit of a checkout. */
export async function commitOf(checkout: string): Promise<string> {
  const { stdout } = await run('git', ['-C', checkout, 'rev-parse', 'HEAD']);
  return stdout.trim();
}
