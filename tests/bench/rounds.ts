import { pointsOf } from './points.ts';
import { turn } from './turn.ts';
import type { RunPlan } from './run-plan.ts';
import type { Missing } from './results.ts';
import type { Sample } from './sample.ts';
import type { System } from './systems/system.ts';
import { sampleLine } from './report/sample-line.ts';

/** The results of all rounds. */
export interface Rounds {
  readonly samples: readonly Sample[];
  readonly missing: readonly Missing[];
}

/**
 * Measures the systems in turns, A B C A B C, so that changes of the machine affect all of them.
 * Only one system runs at a time. If a turn fails, the run goes on.
 */
export async function playRounds(
  systems: readonly System[],
  plan: RunPlan,
  folder: string,
  say: (line: string) => void,
): Promise<Rounds> {
  const samples: Sample[] = [];
  const missing: Missing[] = [];
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const system of systems) {
      try {
        await turn(system, {
          round,
          plan,
          points: pointsOf(plan, system.name),
          folder,
          onSample: (sample) => {
            samples.push(sample);
            say(`${round}/${plan.rounds} ${sampleLine(sample)}`);
            for (const fault of sample.faults) say(`  FAULT: ${fault}`);
          },
        });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        say(`${round}/${plan.rounds} ${system.name}: FAILED: ${why}`);
        missing.push({ system: system.name, round, why });
      }
    }
  }
  return { samples, missing };
}
