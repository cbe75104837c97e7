import { describe, expect, it } from 'vitest';
import { hashKey } from '../../shared/ring/key-hash.ts';
import type { RingMember, RingParameters } from '../../shared/ring/ring.ts';
import {
  capacity,
  createRing,
  defaultParameters,
  placeMember,
  RingFullError,
} from '../../shared/ring/strategies.ts';

const linear = defaultParameters('assignment');
const quadratic = defaultParameters('assignment', { probing: 'quadratic' });

function joined(parameters: RingParameters, count: number): RingMember[] {
  const members: RingMember[] = [];
  for (let i = 1; i <= count; i++) {
    members.push(placeMember(parameters, members, { name: `S${i}`, joined: i, weight: 1 }));
  }
  return members;
}

/** @returns the slot of S1, whose Φ(1,0) = 26 mod 16 = 10, if slots 10, 11 and 13 of 16 are taken. */
function slotsIfCrowded(probing: 'linear' | 'quadratic'): readonly number[] | undefined {
  const parameters = defaultParameters('assignment', { slots: 16, virtualNodes: 1, probing });
  const held = [10, 11, 13].map((slot, i) => ({
    name: `S${i + 2}`,
    joined: i + 2,
    weight: 1,
    slots: [slot],
  }));
  return placeMember(parameters, held, { name: 'S1', joined: 1, weight: 1 }).slots;
}

/** @returns H(i), computed with arbitrary precision. */
function requestSlot(i: bigint): number {
  return Number((i * i + 2n * i + 17n) % 512n);
}

describe('the assignment ring', () => {
  // The table in docs/ring.md rounds halves to even: 28125 of 900000 ids are exactly 312.5 of 10000.
  const rounded = new Intl.NumberFormat('en', {
    maximumFractionDigits: 0,
    useGrouping: false,
    roundingMode: 'halfEven',
  });
  it.each([
    [2, '9531 / 469'],
    [3, '8437 / 469 / 1094'],
    [4, '8203 / 469 / 1016 / 312'],
    [5, '7969 / 312 / 938 / 312 / 469'],
    [6, '7891 / 312 / 938 / 312 / 469 / 78'],
  ])('shares all request ids among %i replicas as docs/ring.md says', (count, shares) => {
    const ring = createRing(linear, joined(linear, count));
    const held = new Map(ring.members.map(({ name }) => [name, 0]));
    for (let id = 100_000; id <= 999_999; id++) {
      const owner = ring.owner(String(id)) ?? 'none';
      held.set(owner, (held.get(owner) ?? 0) + 1);
    }
    expect([...held.values()].map((ids) => rounded.format(ids / 90)).join(' / ')).toBe(shares);
  });

  it('shares all request ids exactly as computed', () => {
    const ring = createRing(linear, joined(linear, 6));
    const held = new Map<string, number>();
    for (let id = 100_000; id <= 999_999; id++) {
      const owner = ring.owner(String(id)) ?? 'none';
      held.set(owner, (held.get(owner) ?? 0) + 1);
    }
    expect(Object.fromEntries(held)).toEqual({
      S1: 710_155,
      S2: 28_125,
      S3: 84_376,
      S4: 28_124,
      S5: 42_188,
      S6: 7_032,
    });
  });

  it('gives a replica the slots of the formula if they are free', () => {
    expect(joined(linear, 1)[0]?.slots).toEqual([26, 29, 34, 41, 50, 61, 74, 89, 106]);
  });

  it('probes past occupied slots one by one, or by triangular steps', () => {
    expect(slotsIfCrowded('linear')).toEqual([12]);
    expect(slotsIfCrowded('quadratic')).toEqual([0]); // 10, 11, 13, 16 mod 16
  });

  it.each([linear, quadratic])('holds 56 replicas and refuses the 57th ($probing)', (parameters) => {
    const members = joined(parameters, 56);
    expect(capacity(parameters)).toBe(56);
    expect(new Set(members.flatMap(({ slots }) => slots ?? [])).size).toBe(504);
    expect(createRing(parameters, members).members).toHaveLength(56);
    const join = (): unknown => placeMember(parameters, members, { name: 'S57', joined: 57, weight: 1 });
    expect(join).toThrow(RingFullError);
    expect(join).toThrow('it holds 56 replicas, and S57 needs 9 slots where 8 of 512 are free');
  });

  it('says how many slots a replica with a larger weight lacks', () => {
    const parameters = defaultParameters('assignment', { slots: 16, virtualNodes: 2 });
    const join = (): unknown =>
      placeMember(parameters, joined(parameters, 7), { name: 'S9', joined: 9, weight: 2 });
    expect(join).toThrow(
      expect.objectContaining({
        name: 'RingFullError',
        held: 7,
        message: 'The ring is full: it holds 7 replicas, and S9 needs 4 slots where 2 of 16 are free',
      }),
    );
  });

  it('has room again after a replica has left a full ring', () => {
    const members = joined(quadratic, 56).filter(({ name }) => name !== 'S17');
    const newcomer = placeMember(quadratic, members, { name: 'S57', joined: 57, weight: 1 });
    expect(createRing(quadratic, [...members, newcomer]).members).toHaveLength(56);
  });

  it.each([
    { first: [3, 9], second: [7, 12] },
    { first: [3, 7], second: [5, 8] },
  ])('gives each slot to the first one that is held at or after it', ({ first, second }) => {
    const parameters = defaultParameters('assignment', { slots: 16, virtualNodes: 2 });
    const ring = createRing(parameters, [
      { name: 'S1', joined: 1, weight: 1, slots: first },
      { name: 'S2', joined: 2, weight: 1, slots: second },
    ]);
    for (let key = 0; key < 16; key += 1) {
      let slot = (key * key + 2 * key + 17) % 16;
      while (![...first, ...second].includes(slot)) slot = (slot + 1) % 16;
      expect(ring.owner(`${key}`)).toBe(first.includes(slot) ? 'S1' : 'S2');
    }
  });

  it('fills to the last slot', () => {
    for (const probing of ['linear', 'quadratic'] as const) {
      const parameters = defaultParameters('assignment', { slots: 64, virtualNodes: 1, probing });
      expect(new Set(joined(parameters, 64).flatMap(({ slots }) => slots ?? [])).size).toBe(64);
    }
  });

  it('gives a replica of weight 2 twice the virtual nodes', () => {
    const heavy = placeMember(linear, [], { name: 'S1', joined: 1, weight: 2 });
    expect(heavy.slots).toHaveLength(18);
    expect(heavy.slots?.slice(0, 9)).toEqual(joined(linear, 1)[0]?.slots);
  });
});

describe('a key on the assignment ring', () => {
  const ring = createRing(linear, joined(linear, 6));

  it.each(['0', '7', '100000', '999999', '000123', '18446744073709551617', '9'.repeat(400)])(
    'is at the slot of its number if it is %s',
    (key) => {
      expect(ring.explain(key)?.position).toBe(requestSlot(BigInt(key)));
    },
  );

  it.each(['', 'alice', '-1', '1.5', '1e3', ' 7', '/1', '1:', '٣', '日本語'])(
    'is hashed first if it is %j, which is not a decimal number',
    (key) => {
      expect(ring.explain(key)?.position).toBe(requestSlot(BigInt(hashKey(key))));
    },
  );
});

describe('createRing', () => {
  const [first, second] = joined(linear, 2) as [RingMember, RingMember]; // two were asked for

  it('puts members in order of joining and then by name, however they are given', () => {
    const members = [
      { name: 'S1', joined: 3, weight: 1 },
      { name: 'S4', joined: 1, weight: 1 },
      { name: 'S3', joined: 2, weight: 1 },
      { name: 'S2', joined: 2, weight: 1 },
    ];
    for (const given of [members, members.toReversed()]) {
      const ring = createRing(defaultParameters('murmur3'), given);
      expect(ring.members.map(({ name }) => name)).toEqual(['S4', 'S2', 'S3', 'S1']);
    }
  });

  it('freezes copies of the slots of its members', () => {
    const [member] = createRing(linear, [first]).members;
    expect(member?.slots).toEqual(first.slots);
    expect(Object.isFrozen(member?.slots)).toBe(true);
    expect(Object.isFrozen(first.slots)).toBe(false);
  });

  it.each([defaultParameters('murmur3'), linear])('rejects faulty members ($strategy)', (parameters) => {
    expect(() => createRing(parameters, [first, { ...second, name: 'S1' }])).toThrow(
      'two replicas are named S1',
    );
    for (const fault of [{ name: 'a#1' }, { name: '' }, { joined: 0 }, { weight: 0 }, { weight: 1.5 }]) {
      expect(() => createRing(parameters, [{ ...first, ...fault }])).toThrow(TypeError);
      expect(() => placeMember(parameters, [], { ...second, ...fault })).toThrow(TypeError);
    }
    expect(() => placeMember(parameters, [first], first)).toThrow('two replicas are named S1');
  });

  it('rejects parameters that no ring can have', () => {
    expect(() => defaultParameters('murmur3', { virtualNodes: 0 })).toThrow(TypeError);
    expect(() => createRing({ strategy: 'murmur3', virtualNodes: 0 }, [])).toThrow(TypeError);
    expect(() => defaultParameters('assignment', { slots: 8 })).toThrow(TypeError);
    expect(() => defaultParameters('assignment', { slots: 500, probing: 'quadratic' })).toThrow(
      'power of two',
    );
    expect(defaultParameters('assignment', { slots: 500 })).toMatchObject({ slots: 500, probing: 'linear' });
  });
});
