import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Problem } from '#shared/contract/errors.ts';
import type { Ring, RingMember } from '#shared/ring/ring.ts';
import { movedShare, sharesOf } from '#shared/ring/shares.ts';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { planView } from '../../gateway/ring/plan-view.ts';
import { previewChange } from '../../gateway/ring/change-preview.ts';
import type { AskedChange } from '../../gateway/ring/change-preview.ts';
import {
  AdminError,
  parseReplicaChange,
  planAdd,
  planReplacement,
} from '../../gateway/ring/replica-changes.ts';
import { planWeight } from '../../gateway/ring/weights.ts';
import { desired, observed } from '../fixtures/plan-world.ts';

const parameters = defaultParameters('murmur3');
const limits = { parameters, maxReplicas: 64, containers: false };
const assignment = { ...limits, parameters: defaultParameters('assignment') };
const never = (): string => expect.unreachable('no name may be drawn');

const three = observed({
  joined: 3,
  desired: desired('S1', 'S2', 'S3'),
  ring: new Map(['S1', 'S2', 'S3'].map((name) => [name, 1])),
});

const ringOf = (weights: Readonly<Record<string, number>>): Ring =>
  createRing(
    parameters,
    Object.entries(weights).map(([name, weight], at): RingMember => ({ name, joined: at + 1, weight })),
  );

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AdminError || error instanceof Problem) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('shares', () => {
  it('follow the weights within a few percent', () => {
    for (const weights of [
      { S1: 1, S2: 2 },
      { S1: 1, S2: 1, S3: 10 },
      { S1: 1, S2: 2, S3: 3, S4: 4 },
    ]) {
      const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
      const shares = sharesOf(ringOf(weights));
      for (const [name, weight] of Object.entries(weights))
        expect(Math.abs((shares.get(name) ?? 0) - weight / total)).toBeLessThan(0.04);
    }
  });

  it('only grow for a replica that gets a larger weight: every key that moves moves to it', () => {
    expect.hasAssertions();
    const weight = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(fc.array(weight, { minLength: 1, maxLength: 6 }), weight, (others, own) => {
        const weights = Object.fromEntries(others.map((each, at) => [`S${at + 1}`, each]));
        const before = ringOf({ ...weights, S9: own });
        const after = ringOf({ ...weights, S9: own + 1 });
        for (let key = 0; key < 300; key += 1) {
          const owner = after.owner(`key-${key}`);
          if (owner !== before.owner(`key-${key}`)) expect(owner).toBe('S9');
        }
        const gained = (sharesOf(after).get('S9') ?? 0) - (sharesOf(before).get('S9') ?? 0);
        expect(movedShare(before, after)).toBeCloseTo(gained, 9);
      }),
      { numRuns: 30 },
    );
  });
});

describe('/add with weights', () => {
  const add = (body: object, by = limits): string =>
    messageOf(() => planAdd(three, parseReplicaChange(body, 'newly added'), by, never));

  it('gives the listed names their weights, and the others 1', () => {
    const change = parseReplicaChange({ n: 2, hostnames: ['S9', 'S8'], weights: { S9: 2 } }, 'newly added');
    expect(planAdd(three, change, limits, never).add).toMatchObject([
      { name: 'S9', weight: 2 },
      { name: 'S8', weight: 1 },
    ]);
  });

  it('is refused with the reason, and nothing is changed', () => {
    const hostnames = ['S9'];
    for (const weights of [2, 'S9', [2], null])
      expect(add({ n: 1, hostnames, weights })).toBe(
        `400 weights must be an object such as {"S5":2}, not ${JSON.stringify(weights)}`,
      );
    for (const weight of [0, -1, 1.5, 11, '2', null, true, {}])
      expect(add({ n: 1, hostnames, weights: { S9: weight } })).toBe(
        `400 the weight of "S9" must be an integer from 1 to 10, not ${JSON.stringify(weight)}`,
      );
    const foreign = 'hostnames does not list it';
    expect(add({ n: 1, hostnames, weights: { S1: 2 } })).toBe(`400 weights has "S1", but ${foreign}`);
    expect(add({ n: 1, weights: { S9: 2 } })).toBe(`400 weights has "S9", but ${foreign}`);
    expect(add({ n: 1, hostnames, weights: { constructor: 2 } })).toContain(foreign);
  });

  it('has only weights of 1 on the assignment ring, whose shares are exact', () => {
    expect(add({ n: 1, hostnames: ['S9'], weights: { S9: 2 } }, assignment)).toBe(
      '400 with RING=assignment each replica has the weight 1, because the shares of that ring are exact; ' +
        'leave weights out',
    );
    expect(add({ n: 1, hostnames: ['S9'], weights: { S9: 1 } }, assignment)).toBe('none');
  });

  it('is read by /rm as a field that it does not know', () => {
    expect(parseReplicaChange({ n: 1, hostnames: ['S1'], weights: 'x' }, 'removable')).toEqual({
      n: 1,
      hostnames: ['S1'],
    });
  });
});

describe('the weight of a replica', () => {
  it('changes nothing else of its place', () => {
    const place = { name: 'S2', joined: 2, weight: 1, place: 1, replaces: 'S7' };
    const state = { ...three, desired: [place] };
    expect(planWeight(state, 'S2', 3, parameters)).toEqual({ ...place, weight: 3 });
    expect(planWeight(state, 'S2', 1, parameters)).toBeUndefined();
  });

  it('is refused for what is no weight, no replica, or a ring without weights', () => {
    const weigh = (name: string, weight: unknown, by = parameters, state = three): string =>
      messageOf(() => planWeight(state, name, weight, by));
    for (const weight of [0, 11, 1.5, '2', undefined])
      expect(weigh('S1', weight)).toBe('400 The weight of a replica must be an integer from 1 to 10.');
    expect(weigh('S7', 2)).toBe('404 There is no replica "S7"; there is S1, S2, S3.');
    const retired = { ...three, retired: new Map([['S7', 1]]) };
    expect(weigh('S7', 2, parameters, retired)).toMatch(/^409 Replica S7 was removed/);
    expect(weigh('S1', 2, assignment.parameters)).toMatch(/^409 .*the shares of that ring are exact\.$/);
  });

  it('is inherited by a replacement with a new name', () => {
    const heavy = { ...three, desired: [{ name: 'S2', joined: 2, weight: 4 }] };
    expect(planReplacement(heavy, 'S2', 'S777', parameters)?.member).toMatchObject({ weight: 4, place: 2 });
  });
});

describe('the plan of a change with weights', () => {
  const planOf = (change: Partial<AskedChange>): ReturnType<typeof planView> =>
    planView(previewChange(three, { add: [], weight: [], rm: [], drain: [], ...change }, limits), []);
  const after = (view: ReturnType<typeof planView>, name: string): number =>
    view.replicas.find((each) => each.name === name)?.shareAfter ?? 0;

  it('says the share of an added replica, and of one that gets another weight', () => {
    const added = planOf({ add: ['S9:3', 'S8'] });
    expect(added).toMatchObject({ add: ['S9', 'S8'], weights: { S9: 3 } });
    expect(Math.abs(after(added, 'S9') - 3 / 7)).toBeLessThan(0.05);
    const weighed = planOf({ weight: ['S2:6'] });
    expect(weighed).toMatchObject({ add: [], weights: { S2: 6 } });
    expect(Math.abs(after(weighed, 'S2') - 6 / 8)).toBeLessThan(0.05);
    expect(weighed.movedShare).toBeCloseTo(after(weighed, 'S2') - after(planOf({ weight: ['S2:1'] }), 'S2'));
    expect(weighed.notes).toContain('S2 gets the weight 6. What waits there stays there.');
  });

  it('is refused as the change would be', () => {
    for (const [change, message] of [
      [{ add: ['S9:0'] }, 'the weight of "S9" must be an integer from 1 to 10, not 0'],
      [{ add: ['S9:x'] }, 'the weight of "S9" must be an integer from 1 to 10, not "x"'],
      [{ add: ['*:2'] }, '"*" is no valid container hostname'],
      [{ weight: ['S2'] }, 'The weight of a replica must be an integer from 1 to 10.'],
      [{ weight: ['S7:2'] }, 'There is no replica "S7"'],
    ] as const)
      expect(messageOf(() => planOf(change))).toContain(`400 ${message}`);
  });
});
