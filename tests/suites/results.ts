import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { testName } from './reason.ts';
import type { TestRunner } from './suite.ts';

/** The outcome of a test. */
export interface Outcome {
  readonly state: 'passed' | 'failed' | 'skipped';
  /** Why it failed; empty if it did not. */
  readonly message: string;
}

/** The outcomes of a suite's tests by file and title, e.g. `test/res.js: res .send() should set body`. */
export type Results = ReadonlyMap<string, Outcome>;

/** A line of `mocha-run.ts` or `node-test-lines.ts`. */
type Line =
  | { readonly end: true }
  | (Outcome & { readonly file: string; readonly title: string; readonly end?: never });

/** The part of vitest's report that is read here. */
interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/**
 * Reads the results of a run. Tests of a file with the same title count as one, which has failed if one of
 * them has.
 * @throws Error if the run did not finish.
 */
export async function readResults(runner: TestRunner, file: string, checkout: string): Promise<Results> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text === '') throw new Error(`the run wrote no results to ${file}`);
  const results = new Map<string, Outcome>();
  const add = (name: string, outcome: Outcome): void => {
    const before = results.get(name);
    if (before === undefined || before.state !== 'failed') results.set(name, outcome);
  };
  if (runner.kind === 'vitest') {
    const report = JSON.parse(text) as VitestReport; // as vitest writes it
    for (const { name, assertionResults } of report.testResults) {
      for (const { fullName, status, failureMessages } of assertionResults) {
        const state = status === 'passed' || status === 'failed' ? status : 'skipped';
        add(testName(relative(checkout, name), fullName), { state, message: failureMessages.join('\n') });
      }
    }
    return results;
  }
  let ended = false;
  for (const line of text.trimEnd().split('\n')) {
    const read = JSON.parse(line) as Line; // as mocha-run.ts and node-test-lines.ts write it
    if (read.end) ended = true;
    else add(testName(read.file, read.title), { state: read.state, message: read.message });
  }
  if (!ended) throw new Error(`the run ended before its last test; see ${file}`);
  return results;
}

/** @returns how many tests have passed. */
export function passed(results: Results): number {
  return [...results.values()].filter(({ state }) => state === 'passed').length;
}
