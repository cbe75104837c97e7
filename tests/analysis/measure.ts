import { mustChangeReplicas } from '../chaos/admin.ts';
import type { Workshop } from '../chaos/workshop.ts';
import type { CommandLine } from './command-line.ts';
import { tourEndpoints, tourLength } from './endpoints.ts';
import { ringWith } from './expected-shares.ts';
import type { Progress } from '../bench/progress.ts';
import { measureRecovery } from './recovery.ts';
import type { Kill } from './recovery.ts';
import { firstSize, sweepSizes } from './results.ts';
import type { Results, SizeResult, StrategyResult } from './results.ts';
import { slotUse } from './slots.ts';
import { assignment, strategies } from './strategy.ts';
import type { Strategy } from './strategy.ts';
import { System } from './system.ts';
import { measureThroughput } from './throughput.ts';
import type { ThroughputRun } from './throughput.ts';

/** How many requests take about as long as a kill, or as a call of the tour. */
const killWeight = 3500;
const callWeight = 50;

/** @returns the units of the progress bar. */
export function workOf(options: CommandLine): number {
  const strategy = sweepSizes.reduce(
    (sum, replicas) => sum + options.requests + killsOf(replicas, options) * killWeight,
    0,
  );
  return options.requests + tourLength * callWeight + strategies.length * strategy;
}

/** @returns how many workers are killed. A-3 reports on the first size, so that gets the most kills. */
function killsOf(replicas: number, { kills }: CommandLine): number {
  return replicas === firstSize ? kills : Math.ceil(kills / 2);
}

/** Runs everything against real systems, one at a time. */
export async function measureAll(
  workshop: Workshop,
  options: CommandLine,
  progress: Progress,
): Promise<Results> {
  const { first, calls } = await firstAndTour(workshop, options, progress);
  const results: StrategyResult[] = [];
  for (const strategy of strategies) {
    results.push({
      strategy,
      sizes: await measureSizes(workshop, strategy, options, progress),
    });
  }
  return {
    first,
    calls,
    slotUse: slotUse(ringWith(assignment.parameters, firstSize)),
    strategies: results,
  };
}

/** Measures A-1, and calls the endpoints for A-3. */
async function firstAndTour(
  workshop: Workshop,
  options: CommandLine,
  progress: Progress,
): Promise<Pick<Results, 'first' | 'calls'>> {
  return withSystem(workshop, assignment, firstSize, async (system) => {
    progress.begin('A-1: N = 3');
    const first = await count(system, assignment, firstSize, options, options.seed, progress);
    progress.begin('A-3: endpoints');
    const calls = await tourEndpoints(system.url, () => progress.advance(callWeight));
    return { first, calls };
  });
}

/** Grows a system by `/add` and counts requests at each size, then shrinks it by `/rm` and kills workers. */
function measureSizes(
  workshop: Workshop,
  strategy: Strategy,
  options: CommandLine,
  progress: Progress,
): Promise<SizeResult[]> {
  return withSystem(workshop, strategy, sweepSizes[0], async (system) => {
    const runs: ThroughputRun[] = [];
    for (const replicas of sweepSizes) {
      progress.begin(`${strategy.title}: N = ${replicas}`);
      if (replicas > sweepSizes[0]) await mustChangeReplicas(system.url, 'add', [`S${replicas}`]);
      // The ids differ between sizes. They are the same for all strategies, so that these can be compared.
      const seed = options.seed === undefined ? undefined : options.seed + replicas;
      runs.push(await count(system, strategy, replicas, options, seed, progress));
    }
    const results: SizeResult[] = [];
    for (const run of runs.toReversed()) {
      const replicas = run.replicas.length;
      progress.begin(`${strategy.title}: kill -9, N = ${replicas}`);
      results.unshift({ run, kills: await kill(system, strategy, replicas, options, progress) });
      if (replicas > sweepSizes[0]) await mustChangeReplicas(system.url, 'rm', [`S${replicas}`]);
    }
    return results;
  });
}

function kill(
  system: System,
  strategy: Strategy,
  replicas: number,
  options: CommandLine,
  progress: Progress,
): Promise<Kill[]> {
  return measureRecovery(system, {
    strategy,
    replicas,
    kills: killsOf(replicas, options),
    perSecond: options.rate,
    seed: options.seed,
    onKilled: () => progress.advance(killWeight),
  });
}

function count(
  system: System,
  strategy: Strategy,
  replicas: number,
  { requests, connections }: CommandLine,
  seed: number | undefined,
  progress: Progress,
): Promise<ThroughputRun> {
  return measureThroughput(system, {
    strategy,
    replicas,
    requests,
    connections,
    seed,
    onEnded: () => progress.advance(1),
  });
}

async function withSystem<Result>(
  workshop: Workshop,
  strategy: Strategy,
  replicas: number,
  use: (system: System) => Promise<Result>,
): Promise<Result> {
  const system = await System.start(workshop, strategy, replicas);
  try {
    return await use(system);
  } finally {
    await system.stop();
  }
}
