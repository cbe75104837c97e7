import { expect, it } from 'vitest';
import { fitting } from '#shared/ring/fitting.ts';
import type { RingMember, RingParameters } from '#shared/ring/ring.ts';

const assignment: RingParameters = { strategy: 'assignment', slots: 8, virtualNodes: 1, probing: 'linear' };

function member(name: string, joined: number, slot: number): RingMember {
  return { name, joined, weight: 1, slots: [slot] };
}

it('members that can be on one ring all stay', () => {
  const members = [member('S1', 1, 0), member('S2', 2, 1)];
  expect(fitting(assignment, members)).toEqual({ members, misfits: [] });
  expect(fitting(assignment, members).members).toBe(members);
});

it('of two members that hold the same slot, the one that joined first stays, and others are not affected', () => {
  const [first, second, third, fourth] = [
    member('S1', 1, 0),
    member('S2', 2, 0),
    member('S3', 3, 1),
    member('S4', 4, 8),
  ];
  expect(fitting(assignment, [first, second, third, fourth])).toEqual({
    members: [first, third],
    misfits: ['S2', 'S4'],
  });
});
