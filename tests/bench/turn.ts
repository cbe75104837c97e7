import { measure, warmUp } from './measurement.ts';
import type { Point } from './measurement.ts';
import { warmUpConnections as usual } from './run-plan.ts';
import type { RunPlan } from './run-plan.ts';
import type { Sample } from './sample.ts';
import { onStage } from './stage.ts';
import type { StageOptions } from './stage.ts';
import type { System } from './systems/system.ts';

export interface TurnOptions extends StageOptions {
  readonly round: number;
  readonly plan: Pick<RunPlan, 'warmUpSeconds' | 'matchSeconds' | 'seconds'>;
  readonly points: readonly Point[];
  /** If it differs from the default. */
  readonly warmUpConnections?: number | undefined;
  /** Is called with each sample when it is complete. */
  readonly onSample?: (sample: Sample) => void;
}

/**
 * Starts a system, warms it up, measures each point, and stops it.
 * @throws Error if it cannot be started or does not answer.
 */
export function turn(system: System, options: TurnOptions): Promise<Sample[]> {
  const { round, plan, points, onSample = () => undefined } = options;
  const most = Math.max(...points.map(({ connections }) => connections));
  const requests = [...new Set(points.map(({ request }) => request))];
  return onStage(system, options, async (stage) => {
    await warmUp(stage, requests, options.warmUpConnections ?? Math.min(usual, most), plan.warmUpSeconds);
    const samples: Sample[] = [];
    for (const point of points) {
      const sample = await measure(stage, system.name, round, point, plan);
      samples.push(sample);
      onSample(sample);
    }
    return samples;
  });
}
