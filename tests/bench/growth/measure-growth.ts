import { backlogLine, sampleLine } from '../report/sample-line.ts';
import type { Missing } from '../results.ts';
import type { RunPlan } from '../run-plan.ts';
import { turn } from '../turn.ts';
import { measureBacklog } from './backlog.ts';
import type { BacklogOptions } from './backlog.ts';
import { planOf, variations } from './curves.ts';
import type { BacklogPoint, CurvePoint, Growth } from './growth.ts';

export interface GrowthOptions {
  readonly plan: RunPlan;
  /** Names of curves. Empty means all. */
  readonly only: readonly string[];
  /** How many requests wait in a backlog. */
  readonly depth: number;
  readonly folder: string;
  readonly say: (line: string) => void;
}

/** The points of the backlog curve. A tenth of the requests is measured. */
const backlogs = (depth: number): Pick<BacklogOptions, 'backlog' | 'bodyBytes' | 'count'>[] => [
  { backlog: 0, bodyBytes: 0, count: depth / 10 },
  { backlog: depth, bodyBytes: 0, count: depth / 10 },
  { backlog: depth, bodyBytes: 1024, count: depth / 10 },
];

/** The names of all curves. */
export const curveNames: readonly string[] = [...new Set(variations.map(({ curve }) => curve)), 'backlog'];

/** Measures all points of all curves in each round. */
export async function measureGrowth(
  options: GrowthOptions,
): Promise<Omit<Growth, 'date'> & { missing: Missing[] }> {
  const { plan, only, depth, folder, say } = options;
  const wanted = (curve: string): boolean => only.length === 0 || only.includes(curve);
  const points: CurvePoint[] = [];
  const backlog: BacklogPoint[] = [];
  const missing: Missing[] = [];
  const attempt = async (what: string, round: number, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      say(`${round}/${plan.rounds} ${what}: FAILED: ${why}`);
      missing.push({ system: what, round, why });
    }
  };
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const variation of variations.filter(({ curve }) => wanted(curve))) {
      const { curve, value, system, workers, env, request, connections, warmUpConnections } = variation;
      await attempt(`${curve} ${value}`, round, async () => {
        const [sample] = await turn(system, {
          round,
          plan: planOf(variation, plan),
          warmUpConnections,
          folder,
          workers,
          env,
          points: [{ request, connections }],
        });
        if (sample === undefined) return;
        points.push({ curve, value, sample });
        say(`${round}/${plan.rounds} ${curve} ${value}: ${sampleLine(sample)}`);
        for (const fault of sample.faults) say(`  FAULT: ${fault}`);
      });
    }
    for (const each of wanted('backlog') ? backlogs(depth) : []) {
      await attempt(`backlog ${each.backlog}`, round, async () => {
        const point = await measureBacklog({ ...each, round, folder });
        backlog.push(point);
        say(`${round}/${plan.rounds} ${backlogLine(point)}`);
        for (const fault of point.faults) say(`  FAULT: ${fault}`);
      });
    }
  }
  return { rounds: plan.rounds, points, backlog, missing };
}
