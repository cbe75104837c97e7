import { describe, expect, it } from 'vitest';
import type { RingMember, RingParameters } from '#shared/ring/ring.ts';
import { createRing } from '#shared/ring/strategies.ts';
import { checkMembers, checkParameters } from '#shared/ring/validation.ts';

type Assignment = Extract<RingParameters, { strategy: 'assignment' }>;

const slotted: Assignment = { strategy: 'assignment', slots: 16, virtualNodes: 2, probing: 'linear' };
const hashed: RingParameters = { strategy: 'murmur3', virtualNodes: 2 };
const member = (name: string, ...slots: readonly number[]): RingMember => ({
  name,
  joined: 1,
  weight: 1,
  slots,
});

describe('the parameters of a ring', () => {
  it.each([1, 2, 160, Number.MAX_SAFE_INTEGER])('may have %d virtual nodes', (virtualNodes) => {
    expect(() => checkParameters({ strategy: 'murmur3', virtualNodes })).not.toThrow();
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53])('may not have %d virtual nodes', (virtualNodes) => {
    expect(() => checkParameters({ strategy: 'murmur3', virtualNodes })).toThrow(
      new TypeError(`virtualNodes must be a positive integer, not ${virtualNodes}`),
    );
  });

  it.each([2, 16, 65_536])('may have %d slots', (slots) => {
    expect(() => checkParameters({ ...slotted, slots })).not.toThrow();
  });

  it.each([0, 2.5])('may not have %d slots', (slots) => {
    expect(() => checkParameters({ ...slotted, slots })).toThrow(
      new TypeError(`slots must be a positive integer, not ${slots}`),
    );
  });

  it('have at most 65536 slots', () => {
    expect(() => checkParameters({ ...slotted, slots: 65_537 })).toThrow(
      new TypeError('slots must be at most 65536, not 65537'),
    );
  });

  it('have room for the virtual nodes of one replica', () => {
    expect(() => checkParameters({ ...slotted, virtualNodes: 16 })).not.toThrow();
    expect(() => checkParameters({ ...slotted, virtualNodes: 17 })).toThrow(
      new TypeError('17 virtual nodes do not fit in 16 slots'),
    );
  });

  it('have a power of two of slots for quadratic probing', () => {
    expect(() => checkParameters({ ...slotted, probing: 'quadratic' })).not.toThrow();
    expect(() => checkParameters({ ...slotted, slots: 12 })).not.toThrow();
    expect(() => checkParameters({ ...slotted, slots: 12, probing: 'quadratic' })).toThrow(
      new TypeError('quadratic probing visits every slot only of a power of two, not of 12'),
    );
  });
});

describe('the members of a ring', () => {
  it('may hold the first and the last slot', () => {
    expect(() => checkMembers(slotted, [member('S1', 0, 15), member('S2', 1, 2)])).not.toThrow();
  });

  it.each([
    { what: 'an outside slot', members: [member('S1', 0, 16)], error: 'S1 holds slot 16, of 16' },
    { what: 'a negative slot', members: [member('S1', -1, 0)], error: 'S1 holds slot -1, of 16' },
    { what: 'half a slot', members: [member('S1', 0, 1.5)], error: 'S1 holds slot 1.5, of 16' },
    {
      what: 'one slot twice',
      members: [member('S1', 0, 1), member('S2', 2, 1)],
      error: 'S1 and S2 both hold slot 1',
    },
    { what: 'too few slots', members: [member('S1', 0)], error: 'S1 has 1 slots, not 2' },
    {
      what: 'too few slots for its weight',
      members: [{ ...member('S1', 0, 1), weight: 2 }],
      error: 'S1 has 2 slots, not 4',
    },
    {
      what: 'no slots',
      members: [{ name: 'S1', joined: 1, weight: 1 }],
      error: 'S1 has no slots; placeMember gives them',
    },
    {
      what: 'one name twice',
      members: [member('S1', 0, 1), member('S1', 2, 3)],
      error: 'two replicas are named S1',
    },
    {
      what: 'an empty name',
      members: [member('', 0, 1)],
      error: "a replica's name is not empty and holds no '#': ''",
    },
    {
      what: 'a name with #',
      members: [member('S#1', 0, 1)],
      error: "a replica's name is not empty and holds no '#': 'S#1'",
    },
    {
      what: 'no joining number',
      members: [{ ...member('S1', 0, 1), joined: 0 }],
      error: 'the joining number of S1 must be a positive integer, not 0',
    },
    {
      what: 'half a weight',
      members: [{ ...member('S1', 0, 1), weight: 0.5 }],
      error: 'the weight of S1 must be a positive integer, not 0.5',
    },
  ])('may not have $what', ({ members, error }) => {
    expect(() => checkMembers(slotted, members)).toThrow(new TypeError(error));
    expect(() => createRing(slotted, members)).toThrow(new TypeError(error));
  });

  it('need no slots on a murmur3 ring', () => {
    expect(() => checkMembers(hashed, [{ name: 'S1', joined: 1, weight: 1 }])).not.toThrow();
    expect(() => checkMembers(hashed, [member('S1', 99), member('S2', 99)])).not.toThrow();
  });
});
