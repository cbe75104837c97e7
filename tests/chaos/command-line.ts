import { parseArgs } from 'node:util';

/** What the suite was asked to do. */
export interface CommandLine {
  /** Names of scenarios; with no family either: all. */
  readonly scenarios: readonly string[];
  /** Names of families, whose scenarios are run beside those that are named. */
  readonly families: readonly string[];
  readonly list: boolean;
  /** Length of a soak, in seconds. */
  readonly seconds: number;
  /** Seed of the first soak; the next ones have the numbers after it. Undefined: random. */
  readonly seed: number | undefined;
  readonly soaks: number;
  /** The file that gets the report. */
  readonly report: string | undefined;
}

/** @throws Error with one sentence about an argument that is not understood. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', default: '' },
      family: { type: 'string', default: '' },
      list: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '180' },
      seed: { type: 'string' },
      soaks: { type: 'string', default: '1' },
      report: { type: 'string' },
    },
  });
  return {
    scenarios: listed(values.scenario),
    families: listed(values.family),
    list: values.list,
    seconds: count('--seconds', values.seconds),
    seed: values.seed === undefined ? undefined : count('--seed', values.seed),
    soaks: count('--soaks', values.soaks),
    report: values.report,
  };
}

function listed(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`${name} is ${text}; it must be a whole number`);
  return value;
}
