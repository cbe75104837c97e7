import { parseArgs } from 'node:util';

/** The parsed arguments of `npm run analysis`. */
export interface CommandLine {
  /** Requests per counted run. */
  readonly requests: number;
  /** Requests under way at a time. */
  readonly connections: number;
  /** Kills of workers per strategy with N = 3. With another N there are half as many. */
  readonly kills: number;
  /** Requests per second while workers are killed. */
  readonly rate: number;
  /** The client draws the ids from this seed, the same in each run. If undefined, the gateway draws them. */
  readonly seed: number | undefined;
  /** The file of the document; charts go to `charts/` beside it. If undefined, nothing is kept. */
  readonly report: string | undefined;
  readonly quick: boolean;
  /** The command as the user gave it, for the document. */
  readonly command: string;
}

/** @throws Error with one sentence about an invalid argument. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      requests: { type: 'string' },
      connections: { type: 'string', default: '64' },
      kills: { type: 'string' },
      rate: { type: 'string', default: '300' },
      seed: { type: 'string' },
      report: { type: 'string' },
    },
  });
  const { quick } = values;
  return {
    requests: count('--requests', values.requests ?? (quick ? '300' : '10000')),
    connections: count('--connections', values.connections),
    kills: count('--kills', values.kills ?? (quick ? '1' : '6')),
    rate: count('--rate', values.rate),
    seed: values.seed === undefined ? undefined : count('--seed', values.seed, 0),
    // The numbers of a quick run are not worth keeping.
    report: values.report ?? (quick ? undefined : 'docs/analysis.md'),
    quick,
    command: ['npm run analysis', ...(args.length === 0 ? [] : ['--', ...args])].join(' '),
  };
}

function count(name: string, text: string, min = 1): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min)
    throw new Error(`${name} is ${text}; it must be a whole number of at least ${min}`);
  return value;
}
