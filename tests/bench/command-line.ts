import { parseArgs } from 'node:util';
import { fullPlan, growthPlan, quickGrowthPlan, quickPlan } from './run-plan.ts';
import type { RunPlan } from './run-plan.ts';

/** The parsed arguments of `npm run bench`. */
export interface CommandLine {
  readonly list: boolean;
  readonly growth: boolean;
  readonly plan: RunPlan;
  /** Whether to use the short plan. */
  readonly quick: boolean;
  /** Names of systems, or with {@link growth} of curves. Empty means all. */
  readonly only: readonly string[];
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
  --growth             curves of cost against gateways, replicas, backlog, body size, handler time and AOF
  --only a,b           only these systems or curves; --list names them
  --connections 1,64   instead of 1, 16, 64 and 256
  --rounds n           instead of 5 (3 with --quick)
  --seconds n          per measurement, instead of 4 (1 with --quick)
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
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      report: { type: 'string' },
      from: { type: 'string', default: '' },
    },
  });
  const plan = values.growth
    ? values.quick
      ? quickGrowthPlan
      : growthPlan
    : values.quick
      ? quickPlan
      : fullPlan;
  const { rounds, seconds, connections } = values;
  return {
    list: values.list,
    growth: values.growth,
    quick: values.quick,
    plan: {
      ...plan,
      ...(rounds !== undefined && { rounds: count('--rounds', rounds) }),
      ...(seconds !== undefined && { seconds: count('--seconds', seconds) }),
      ...(connections !== undefined && {
        connections: connections.split(',').map((each) => count('--connections', each)),
      }),
    },
    only: names(values.only),
    json: values.json,
    report: values.report,
    from: names(values.from),
  };
}

const names = (text: string): string[] => text.split(',').filter((name) => name !== '');

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} is ${text}; it must be a whole number from 1`);
  return value;
}
