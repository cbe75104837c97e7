import type { LoadOptions } from './load/load.ts';
import { matched } from './load/matched.ts';
import { wrk } from './load/wrk.ts';
import { warmUpConnections as usual } from './run-plan.ts';
import type { RunPlan } from './run-plan.ts';
import type { Sample } from './sample.ts';
import { measureCosts, onStage } from './stage.ts';
import type { StageOptions } from './stage.ts';
import type { System } from './systems/system.ts';
import { faultsOf } from './verdict.ts';

export interface TurnOptions extends StageOptions {
  readonly round: number;
  readonly plan: RunPlan;
  /** If it differs from the default. */
  readonly warmUpConnections?: number | undefined;
  /** The size of the body of each request and each answer. */
  readonly bodyBytes?: number;
  /** Is called with each sample when it is complete. */
  readonly onSample?: (sample: Sample) => void;
}

/**
 * Starts a system, warms it up, measures it with each number of connections, and stops it.
 * @throws Error if it cannot be started or does not answer.
 */
export function turn(system: System, options: TurnOptions): Promise<Sample[]> {
  const { round, plan, bodyBytes = 0, onSample = () => undefined } = options;
  const warmUpConnections = options.warmUpConnections ?? Math.min(usual, Math.max(...plan.connections));
  return onStage(system, options, async (stage) => {
    const { running, executions } = stage;
    let run = 1;
    const next = (connections: number, seconds: number): LoadOptions => ({
      urls: running.urls,
      connections,
      seconds,
      run: run++,
      bodyBytes,
    });
    await wrk(next(warmUpConnections, plan.warmUpSeconds));
    const samples: Sample[] = [];
    for (const connections of plan.connections) {
      const first = next(connections, plan.matchSeconds);
      const matching = await matched(first);
      const matchedExecuted = await executions.of(first.run);
      const measured = next(connections, plan.seconds);
      const { result: load, costs } = await measureCosts(
        stage,
        () => wrk(measured),
        ({ answered }) => answered,
      );
      const executed = await executions.of(measured.run);
      const sample: Sample = {
        system: system.name,
        round,
        connections,
        load,
        rate: load.answered / load.seconds,
        ...costs,
        matched: matching,
        executed,
        matchedExecuted,
        faults: [...faultsOf(matching, matchedExecuted, 0), ...faultsOf(load, executed, connections)],
      };
      samples.push(sample);
      onSample(sample);
    }
    return samples;
  });
}
