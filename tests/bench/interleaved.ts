import { measure, warmUp } from './measurement.ts';
import { pointsOf } from './points.ts';
import { sampleLine } from './report/sample-line.ts';
import type { Rounds } from './rounds.ts';
import { warmUpConnections } from './run-plan.ts';
import type { RunPlan } from './run-plan.ts';
import type { Sample } from './sample.ts';
import { onStage } from './stage.ts';
import type { Stage } from './stage.ts';
import type { System } from './systems/system.ts';

/**
 * Starts all systems and measures each point in all of them, one right after the other. A ratio is then
 * computed from measurements a second apart. The idle systems take a little time from the measured one.
 * A process keeps what V8 made of its code, so all systems are started again `plan.starts` times.
 * @throws Error if a system cannot be started or does not answer.
 */
export async function playInterleaved(
  systems: readonly System[],
  plan: RunPlan,
  folder: string,
  say: (line: string) => void,
): Promise<Rounds> {
  const samples: Sample[] = [];
  // All systems get the same requests, since their values are compared.
  const points = pointsOf({ ...plan, bodies: [] }, '');
  const requests = [...new Set(points.map(({ request }) => request))];
  const { starts = 1 } = plan;
  const rounds = plan.rounds * starts;
  const play = async (stages: ReadonlyMap<string, Stage>, from: number): Promise<void> => {
    for (const stage of stages.values()) {
      await warmUp(stage, requests, warmUpConnections, plan.warmUpSeconds);
    }
    for (let round = from; round < from + plan.rounds; round += 1) {
      // Every other round takes the systems in the opposite order.
      const order = round % 2 === 0 ? [...stages].toReversed() : [...stages];
      for (const point of points) {
        for (const [system, stage] of order) {
          const sample = await measure(stage, system, round, point, plan);
          samples.push(sample);
          say(`${round}/${rounds} ${sampleLine(sample)}`);
          for (const fault of sample.faults) say(`  FAULT: ${fault}`);
        }
      }
    }
  };
  const start = (rest: readonly System[], stages: Map<string, Stage>, from: number): Promise<void> => {
    const [system, ...more] = rest;
    if (system === undefined) return play(stages, from);
    return onStage(system, { folder }, (stage) => start(more, stages.set(system.name, stage), from));
  };
  for (let at = 0; at < starts; at += 1) await start(systems, new Map(), at * plan.rounds + 1);
  return { samples, missing: [] };
}
