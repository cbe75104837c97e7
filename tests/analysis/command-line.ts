import { parseArgs } from 'node:util';

/** What the analysis was asked to do. */
export interface CommandLine {
  /** Requests of each run that counts them. */
  readonly requests: number;
  /** Requests under way at once. */
  readonly connections: number;
  /** Kills of a worker for each strategy with N = 3; half as many with another N. */
  readonly kills: number;
  /** Requests in a second while workers are killed. */
  readonly rate: number;
  /** Draws the request ids in the client, the same in each run; undefined: the gateway draws them. */
  readonly seed: number | undefined;
  /** The file that gets the document; charts go into `charts/` beside it. Undefined: nowhere. */
  readonly report: string | undefined;
  readonly quick: boolean;
  /** As it was given, for the document. */
  readonly command: string;
}

/** @throws Error with one sentence about an argument that is not understood. */
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
    // The numbers of a quick run are none to keep.
    report: values.report ?? (quick ? undefined : 'docs/analysis.md'),
    quick,
    command: ['npm run analysis', ...(args.length === 0 ? [] : ['--', ...args])].join(' '),
  };
}

function count(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`${name} is ${text}; it must be a whole number of at least ${least}`);
  return value;
}
