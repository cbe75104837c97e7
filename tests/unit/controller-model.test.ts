import { expect, it } from 'vitest';
import { happenings, World } from '../fixtures/plan-world.ts';
import type { Happening } from '../fixtures/plan-world.ts';

const names = ['S1', 'S2'];
/** Between two happenings: at once, past FAILOVER_MS, or past the longest time that anything waits for. */
const pauses = [0, 2500, 40_000];
/** Happenings in a row; fewer if names change, since there are more worlds then. */
const depths = { same: 5, new: 4 };

const moves: readonly (readonly [Happening, string, number])[] = happenings.flatMap((what) => {
  const where = ['live', 'pass', 'restart'].includes(what) ? names.slice(0, 1) : names;
  // Time passes in a pass; what happens else happens at once.
  const when = what === 'pass' ? pauses : pauses.slice(0, 1);
  return where.flatMap((name) => when.map((ms) => [what, name, ms] as const));
});

/**
 * Explores every world that two replicas can come into within that many happenings, each followed by a pass
 * of the real plan or by none before the next one. `World` fails where a plan starts a second worker of a
 * replica, lets one into the ring that takes no jobs, or forgets one that holds something.
 */
it.each(['same', 'new'] as const)(
  'does nothing wrong in any order of happenings, and comes to rest from every world: RESPAWN=%s',
  { timeout: 120_000 },
  (respawn) => {
    const start = new World(names, respawn);
    for (let passes = 0; passes < 3; passes += 1) {
      start.live();
      start.pass();
    }
    const seen = new Map([[start.key(), start]]);
    let frontier = [start];
    for (let step = 0; step < depths[respawn]; step += 1) {
      const next: World[] = [];
      for (const world of frontier) {
        for (const [what, name, ms] of moves) {
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
