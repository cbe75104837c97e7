import { describe, expect, it } from 'vitest';
import type { Observed } from '../../gateway/controller/observe.ts';
import { plan } from '../../gateway/controller/plan.ts';
import { renderStep } from '../../gateway/controller/step.ts';
import { desired, lease, observed, settings } from '../fixtures/plan-world.ts';

const names = ['S1', 'S2', 'S3'];

/** A worker: `S1#2`, with a `!` if it is outdated. */
function instance(text: string): Observed['instances'][number] {
  const [, name = '', generation, outdated] = /^(S\d)#(\d)(!?)$/.exec(text) ?? [];
  return { name, generation: Number(generation), id: text, outdated: outdated === '!' };
}

/**
 * @param workers those beside the holders of the leases, which are of generation 1.
 * @param standbys the generations that wait for the lease.
 */
function stepsFor(
  workers: readonly string[],
  standbys: Readonly<Record<string, number>>,
  rolloutsAtOnce: number,
  holders: readonly string[] = names.map((name) => `${name}#1!`),
): string[] {
  const world = observed({
    desired: desired(...names),
    leases: new Map(names.map((name) => [name, lease(1)])),
    ring: new Map(names.map((name) => [name, 1])),
    instances: [...holders, ...workers].map(instance),
    standbys: new Map(Object.entries(standbys)),
  });
  const { steps } = plan(world, new Map(), new Map(), { ...settings, rolloutsAtOnce }, 1000);
  return steps.map(renderStep);
}

const cause = 'it was started from another configuration';

describe('a rollout', () => {
  it('starts one new worker if one may start at once', () => {
    expect(stepsFor([], {}, 1)).toEqual([`standby S1: ${cause}`]);
    expect(stepsFor(['S2#2'], {}, 1)).toEqual([]);
  });

  it('starts no worker while none may start, but lets one take over that waits', () => {
    expect(stepsFor([], {}, 0)).toEqual([]);
    expect(stepsFor(['S2#2'], { S2: 2 }, 0)).toEqual([`retire S2#1: ${cause}`]);
  });

  it('starts several new workers at once, but tells one old worker at a time to go', () => {
    expect(stepsFor([], {}, 2)).toEqual([`standby S1: ${cause}`, `standby S2: ${cause}`]);
    const waiting = { S1: 2, S2: 2, S3: 2 };
    expect(stepsFor(['S1#2', 'S2#2', 'S3#2'], waiting, 3)).toEqual([`retire S1#1: ${cause}`]);
  });

  it('does not wait for the first replica if another one can be taken over', () => {
    expect(stepsFor(['S1#2', 'S2#2', 'S3#2'], { S3: 2 }, 3)).toEqual([`retire S3#1: ${cause}`]);
  });

  it('ends a new worker that is outdated before it has taken over, and starts another one', () => {
    expect(stepsFor(['S1#2!'], { S1: 2 }, 1)).toEqual([
      'retire S1#2: it is outdated before its turn',
      `standby S1: ${cause}`,
    ]);
  });

  it('ends new workers if the old ones are current again', () => {
    expect(stepsFor(['S1#2!'], { S1: 2 }, 1, ['S1#1', 'S2#1', 'S3#1'])).toEqual([
      'kill S1#2: generation 1 holds the lease',
    ]);
  });
});
