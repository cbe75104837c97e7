import { expect, it } from 'vitest';
import { happenings, World } from '../fixtures/plan-world.ts';
import type { Happening } from '../fixtures/plan-world.ts';

const names = ['S1', 'S2'];
/** The time between two events, in ms: none, more than FAILOVER_MS, or more than any other timeout. */
const pauses = [0, 2500, 40_000];
/** The number of events in a row. It is lower if names change, since there are more worlds then. */
const depths = { same: 5, new: 4 };
/** What only happens if replicas are put to sleep. There are more worlds then, so fewer events in a row. */
const ofSleep: ReadonlySet<Happening> = new Set(['idle', 'begin to sleep']);

const moves: readonly (readonly [Happening, string, number])[] = happenings.flatMap((what) => {
  const where = ['live', 'pass', 'restart'].includes(what) ? names.slice(0, 1) : names;
  // Time passes only during a pass.
  const when = what === 'pass' ? pauses : pauses.slice(0, 1);
  return where.flatMap((name) => when.map((ms) => [what, name, ms] as const));
});

/**
 * Explores every world that two replicas can reach within that many events. After each event the controller
 * may or may not run a pass with the real plan. `World` fails if a plan starts a second worker of a replica,
 * admits a worker to the ring that takes no jobs, or forgets a replica that holds something.
 */
it.each([
  ['same', false],
  ['new', false],
  ['same', true],
  ['new', true],
] as const)(
  'makes no mistake in any order of events, and comes to rest from every world: RESPAWN=%s, sleep: %s',
  { timeout: 120_000 },
  (respawn, sleeps) => {
    const start = new World(names, respawn, sleeps);
    const possible = moves.filter(([what]) => sleeps || !ofSleep.has(what));
    for (let passes = 0; passes < 3; passes += 1) {
      start.live();
      start.pass();
    }
    const seen = new Map([[start.key(), start]]);
    let frontier = [start];
    for (let step = 0; step < depths[respawn] - (sleeps ? 1 : 0); step += 1) {
      const next: World[] = [];
      for (const world of frontier) {
        for (const [what, name, ms] of possible) {
          const unobserved = world.clone();
          unobserved.happen(what, name, ms);
          const observed = unobserved.clone();
          observed.pass();
          for (const reached of [unobserved, observed]) {
            const key = reached.key();
            if (seen.has(key)) continue;
            seen.set(key, reached);
            next.push(reached);
          }
        }
      }
      frontier = next;
    }
    console.log(`${seen.size} worlds explored`);
    expect(seen.size).toBeGreaterThan(1000);
    const settled = new Map<string, readonly string[]>();
    for (const [key, world] of seen) {
      const faults = world.clone().settle(settled);
      if (faults.length > 0) expect(faults, key).toEqual([]);
    }
  },
);
