import { Choices, rarely, seeded } from './choices.ts';
import type { Random } from './choices.ts';
import { faultKinds } from './faults.ts';
import { createLeaseThread } from './floor/lease-thread.ts';
import { real, replaceNodeGlobals } from './floor/node-globals.ts';
import { RealRedis } from './floor/real-redis.ts';
import { VirtualScripts } from './floor/virtual-scripts.ts';
import type { Guard } from './guards.ts';
import { noHabits, playScenario, runSchedule } from './schedule.ts';
import type { Floorboards, Habits, Outcome } from './schedule.ts';
import type { Scenario } from './stage.ts';
import { kindOf, shrink } from './shrink.ts';

/** Runs schedules, one after the other. There is one harness in a process of the system. */
export class Harness {
  readonly #floor: Floorboards;

  private constructor(floor: Floorboards) {
    this.#floor = floor;
  }

  static async start(): Promise<Harness> {
    const redis = await RealRedis.start();
    const scripts = new VirtualScripts(redis);
    await scripts.load();
    const floor: Floorboards = { real: redis, scripts, redis: undefined, onUncaught: () => undefined };
    replaceNodeGlobals({
      connect: () => {
        if (floor.redis === undefined) throw new Error('no schedule runs');
        return floor.redis.connect();
      },
      createThread: createLeaseThread,
    });
    process.on('unhandledRejection', (error) => floor.onUncaught(error));
    process.on('uncaughtException', (error) => floor.onUncaught(error));
    const harness = new Harness(floor);
    // Everything that is loaded late is loaded now.
    await harness.replay([]);
    return harness;
  }

  /** Takes a guard out of the code under test, to see that this is found. @returns what puts it back. */
  without(guard: Guard): () => void {
    this.#floor.scripts.mutation = guard.inScripts;
    const putBack = guard.inCode?.();
    return () => {
      this.#floor.scripts.mutation = undefined;
      putBack?.();
    };
  }

  /** Runs a schedule that is written down. */
  play(scenario: Scenario, traced = false): Promise<Outcome> {
    return playScenario(this.#floor, scenario, traced);
  }

  /** Runs the schedule of a seed. */
  runSeed(seed: number, traced = false): Promise<Outcome> {
    const random = seeded(seed);
    return runSchedule(this.#floor, new Choices([], random), habitsOf(random), traced);
  }

  /** Runs a schedule with given decisions; all others are 0. */
  replay(choices: readonly number[], traced = false): Promise<Outcome> {
    return runSchedule(this.#floor, new Choices(choices), noHabits, traced);
  }

  /** @returns the simplest schedule that is found to fail in the same way as this one. */
  shrink({ choices, failure }: Outcome, forMs: number): Promise<readonly number[]> {
    const until = real.now() + forMs;
    const fails = async (candidate: readonly number[]): Promise<boolean> => {
      const outcome = await this.replay(candidate);
      return outcome.failure !== undefined && kindOf(outcome.failure) === kindOf(failure ?? '');
    };
    return shrink(choices, fails, () => real.now() < until);
  }

  stop(): Promise<void> {
    return this.#floor.real.stop();
  }
}

/**
 * Schedules differ in how disorderly they are, and in which faults they have: some faults of the code need
 * order to be seen, others need disorder, and few kinds of faults hide each other less than all of them.
 */
function habitsOf(random: Random): Habits {
  const share = [0.01, 0.03, 0.06, 0.15][Math.floor(random() * 4)] ?? 0;
  const disorder = [0.05, 0.3, 1][Math.floor(random() * 3)] ?? 1;
  const slow = random() < 0.5 ? 0.9 : 0.1;
  const chosen = faultKinds.flatMap((_, at) => (random() < 0.4 ? [at] : []));
  return {
    pickFault: (_, draw) =>
      draw() < share && chosen.length > 0 ? 1 + (chosen[Math.floor(draw() * chosen.length)] ?? 0) : 0,
    pickDelay: rarely(slow),
    pick: (count, draw) => (disorder === 1 ? Math.floor(draw() * count) : rarely(disorder)(count, draw)),
  };
}
