import { parseArgs } from 'node:util';
import type { Suite } from './suite.ts';
import { suites } from './suites.ts';

/** The arguments of `npm run suites`. */
export interface CommandLine {
  readonly suites: readonly Suite[];
  /** How often each suite runs directly and through the gateway. Results that vary are printed. */
  readonly times: number;
  /** The file to write the document to; undefined: none. */
  readonly report: string | undefined;
}

/** @throws Error with one sentence about an invalid argument. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      times: { type: 'string', default: '1' },
      report: { type: 'string' },
    },
  });
  const names = values.only.flatMap((list) => list.split(','));
  const unknown = names.filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    const known = suites.map(({ name }) => name).join(', ');
    throw new Error(`--only ${unknown.join(',')}: there is no such suite; the suites are ${known}`);
  }
  const times = Number(values.times);
  if (!Number.isSafeInteger(times) || times < 1)
    throw new Error(`--times is ${values.times}; it must be a whole number of at least 1`);
  return {
    suites: names.length === 0 ? suites : suites.filter(({ name }) => names.includes(name)),
    times,
    // The document needs the results of all suites.
    report: values.report ?? (names.length === 0 ? 'docs/compatibility.md' : undefined),
  };
}
