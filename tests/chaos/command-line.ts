import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { givenSettings } from '../fixtures/given-settings.ts';

/** The arguments of `npm run chaos`. */
export interface CommandLine {
  /** Names of scenarios. If there are neither scenarios nor families, all run. */
  readonly scenarios: readonly string[];
  /** Names of families. Their scenarios run in addition to the named ones. */
  readonly families: readonly string[];
  readonly list: boolean;
  /** Length of a soak, in seconds. */
  readonly seconds: number;
  /** Seed of the first soak; the following ones count up from it. Undefined: random. */
  readonly seed: number | undefined;
  readonly soaks: number;
  /** Settings of all gateways, controllers and workers. Those that a scenario sets itself stay. */
  readonly settings: Readonly<Record<string, string>>;
  /** The folder of another checkout, with which the scenarios that can do so compare this one. */
  readonly before: string | undefined;
  /** The file to write the report to. */
  readonly report: string | undefined;
}

/** @throws Error with one sentence about an invalid argument. */
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
      set: { type: 'string', multiple: true, default: [] },
      before: { type: 'string' },
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
    settings: givenSettings(values.set),
    before: values.before === undefined ? undefined : resolve(values.before),
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
