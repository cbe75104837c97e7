import { parseArgs } from 'node:util';
import { fullPlan, quickPlan } from './plan.ts';
import type { StreamPlan } from './plan.ts';
import { rowNames } from './sample.ts';
import type { RowName } from './sample.ts';

/** The parsed arguments of `npm run bench:streams`. */
export interface CommandLine {
  readonly plan: StreamPlan;
  readonly quick: boolean;
  /** The groups of measurements, in their order. */
  readonly rows: readonly RowName[];
  /** Whether the proxy is measured too. */
  readonly withProxy: boolean;
  /** The folder of another checkout, which is measured too. */
  readonly before: string | undefined;
  /** The folder for profiles of the processor. */
  readonly profile: string | undefined;
  readonly json: string | undefined;
  readonly report: string | undefined;
  /** A file of results to report on, without a run. */
  readonly from: string | undefined;
}

/** What `--help` prints. */
export const help = `npm run bench:streams -- [options]
  --quick              one short round of everything, under 40 s
  --only a,b           only these: ${rowNames.join(', ')}
  --rounds n           instead of ${fullPlan.rounds} (${quickPlan.rounds} with --quick)
  --seconds n          for each rate, instead of ${fullPlan.seconds} (${quickPlan.seconds} with --quick)
  --workers n          of ringpost, instead of ${fullPlan.workers}
  --idle n             idle streams, instead of ${fullPlan.idleStreams}
  --no-proxy           only ringpost
  --before FOLDER      another checkout, whose plain requests are measured too
  --profile FOLDER     writes profiles of the processor; they make what they measure slower
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
      workers: { type: 'string' },
      idle: { type: 'string' },
      'no-proxy': { type: 'boolean', default: false },
      before: { type: 'string' },
      profile: { type: 'string' },
      json: { type: 'string' },
      report: { type: 'string' },
      from: { type: 'string' },
    },
  });
  const { quick, rounds, seconds, workers, idle } = values;
  const only = values.only.split(',').filter((name) => name !== '');
  const unknown = only.filter((name) => !rowNames.some((row) => row === name));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; --help names what there is`);
  return {
    quick,
    plan: {
      ...(quick ? quickPlan : fullPlan),
      ...(rounds !== undefined && { rounds: count('--rounds', rounds) }),
      ...(seconds !== undefined && { seconds: count('--seconds', seconds) }),
      ...(workers !== undefined && { workers: count('--workers', workers) }),
      ...(idle !== undefined && { idleStreams: count('--idle', idle) }),
    },
    rows: rowNames.filter((row) => only.length === 0 || only.includes(row)),
    withProxy: !values['no-proxy'],
    before: values.before,
    profile: values.profile,
    json: values.json,
    report: values.report,
    from: values.from,
  };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`${name} is ${text}; it must be a whole number from 1`);
  return value;
}
