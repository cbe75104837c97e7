import { parseArgs } from 'node:util';
import { fullPlan, growthPlan, quickGrowthPlan, quickPlan, tightPlan } from './run-plan.ts';
import type { RunPlan } from './run-plan.ts';
import { requestNames } from './workload/requests.ts';
import type { RequestName } from './workload/requests.ts';

/** The parsed arguments of `npm run bench`. */
export interface CommandLine {
  readonly list: boolean;
  readonly growth: boolean;
  readonly plan: RunPlan;
  /** Whether to use the short plan. */
  readonly quick: boolean;
  /** Names of systems, or with {@link growth} of curves. Empty means all. */
  readonly only: readonly string[];
  /** The folder of another checkout, which is measured as `ringpost-before`. */
  readonly before: string | undefined;
  /** The folder of the checkout that is measured as `ringpost`, instead of this one. */
  readonly after: string | undefined;
  /** The file that gets the results. */
  readonly json: string | undefined;
  /** The file that gets the report. */
  readonly report: string | undefined;
  /** Files of results to write the report from, without a run. Empty means a run. */
  readonly from: readonly string[];
}

/** What `--help` prints. */
export const help = `npm run bench -- [options]
  --quick              a short run for CI, under ten minutes
  --tight              for developers: the chosen systems stay up and take turns, about a minute for two
  --growth             curves of cost against gateways, replicas, backlog, body size, handler time and AOF
  --only a,b           only these systems or curves; --list names them
  --requests a,b       instead of get and post: ${requestNames.join(', ')}
  --connections 1,64   instead of 1, 16, 64 and 256 (with --tight 1, 16 and 64)
  --rounds n           instead of ${fullPlan.rounds} (${quickPlan.rounds} with --quick)
  --seconds n          per measurement, instead of ${fullPlan.seconds} (1 with --quick or --tight)
  --warm-up n          seconds after each start, instead of ${fullPlan.warmUpSeconds} (${quickPlan.warmUpSeconds} with --quick, ${tightPlan.warmUpSeconds} with --tight)
  --starts n           with --tight: how often the systems are started, each time with all rounds
  --before FOLDER      another checkout of ringpost, measured as ringpost-before
  --after FOLDER       the checkout that is measured as ringpost, instead of this one
  --json FILE          writes all results and the ratios of ringpost to its peers
  --report FILE        writes the report in Markdown
  --from FILE,FILE     reads results from --json files instead of measuring`;

/** @throws Error with one sentence about an invalid argument. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      list: { type: 'boolean', default: false },
      growth: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      connections: { type: 'string' },
      tight: { type: 'boolean', default: false },
      requests: { type: 'string' },
      starts: { type: 'string' },
      'warm-up': { type: 'string' },
      before: { type: 'string' },
      after: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      report: { type: 'string' },
      from: { type: 'string', default: '' },
    },
  });
  const { rounds, seconds, connections, requests, starts, 'warm-up': warmUp } = values;
  return {
    list: values.list,
    growth: values.growth,
    quick: values.quick,
    plan: {
      ...planOf(values),
      ...(rounds !== undefined && { rounds: count('--rounds', rounds) }),
      ...(seconds !== undefined && { seconds: count('--seconds', seconds) }),
      ...(warmUp !== undefined && { warmUpSeconds: count('--warm-up', warmUp) }),
      ...(starts !== undefined && { starts: count('--starts', starts) }),
      ...(requests !== undefined && { requests: names(requests).map(requestName), bodies: [] }),
      ...(connections !== undefined && {
        connections: connections.split(',').map((each) => count('--connections', each)),
      }),
    },
    only: names(values.only),
    before: values.before,
    after: values.after,
    json: values.json,
    report: values.report,
    from: names(values.from),
  };
}

function planOf(given: { growth: boolean; quick: boolean; tight: boolean }): RunPlan {
  if (given.growth) return given.quick ? quickGrowthPlan : growthPlan;
  if (given.tight) return tightPlan;
  return given.quick ? quickPlan : fullPlan;
}

function requestName(name: string): RequestName {
  const known = requestNames.find((each) => each === name);
  if (known === undefined) throw new Error(`--requests: there is no ${name}`);
  return known;
}

const names = (text: string): string[] => text.split(',').filter((name) => name !== '');

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} is ${text}; it must be a whole number from 1`);
  return value;
}
