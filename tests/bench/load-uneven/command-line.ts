import { parseArgs } from 'node:util';
import { givenSettings } from '../../fixtures/given-settings.ts';
import { fullPlan, loadNames, quickPlan } from './plan.ts';
import type { LoadName, LoadPlan } from './plan.ts';
import { systemNames } from './systems.ts';
import type { SystemName } from './systems.ts';

/** The parsed arguments of `npm run bench:load`. */
export interface CommandLine {
  readonly plan: LoadPlan;
  readonly quick: boolean;
  readonly loads: readonly LoadName[];
  readonly systems: readonly SystemName[];
  /** Settings of ringpost, in addition to those of the bench. */
  readonly settings: Readonly<Record<string, string>>;
  /** Of the arrivals and the keys in the first round; it counts up. */
  readonly seed: number;
  readonly json: string | undefined;
  readonly report: string | undefined;
  /** A file of results to report on, without a run. */
  readonly from: string | undefined;
}

/** What `--help` prints. */
export const help = `npm run bench:load -- [options]
  --quick              one short round of everything, in about a minute
  --only a,b           only these loads or systems: ${[...loadNames, ...systemNames].join(', ')}
  --rounds n           instead of ${fullPlan.rounds} (${quickPlan.rounds} with --quick)
  --seconds n          for each load, instead of ${fullPlan.seconds} (${quickPlan.seconds} with --quick)
  --service-ms a,b     the mean time that requests take, instead of ${fullPlan.serviceMs.join(',')}
  --exponential        the times of the requests differ, instead of being the same
  --set NAME=value     a setting of ringpost; repeatable
  --seed n             of the arrivals and the keys
  --json FILE          writes all results
  --report FILE        writes the report in Markdown
  --from FILE          reads results from a --json file instead of measuring`;

/** @throws Error with one sentence about an invalid argument. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'service-ms': { type: 'string' },
      exponential: { type: 'boolean', default: false },
      set: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: '1' },
      json: { type: 'string' },
      report: { type: 'string' },
      from: { type: 'string' },
    },
  });
  const { quick, rounds, seconds } = values;
  const serviceMs = values['service-ms'];
  const only = values.only.split(',').filter((name) => name !== '');
  const all: readonly string[] = [...loadNames, ...systemNames];
  const unknown = only.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; --help names what there is`);
  return {
    quick,
    plan: {
      ...(quick ? quickPlan : fullPlan),
      ...(values.exponential && { work: 'exponential' as const }),
      ...(rounds !== undefined && { rounds: count('--rounds', rounds) }),
      ...(seconds !== undefined && { seconds: count('--seconds', seconds) }),
      ...(serviceMs !== undefined && {
        serviceMs: serviceMs.split(',').map((each) => count('--service-ms', each)),
      }),
    },
    loads: chosen(loadNames, only),
    systems: chosen(systemNames, only),
    settings: givenSettings(values.set),
    seed: count('--seed', values.seed),
    json: values.json,
    report: values.report,
    from: values.from,
  };
}

/** @returns the names that are asked for; all, if none of them is. */
function chosen<T extends string>(names: readonly T[], only: readonly string[]): readonly T[] {
  const some = names.filter((name) => only.includes(name));
  return some.length === 0 ? names : some;
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} is ${text}; it must be a whole number from 1`);
  return value;
}
