import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RingMember } from '../../shared/ring/ring.ts';
import { createRing, defaultParameters, placeMember, RingFullError } from '../../shared/ring/strategies.ts';

const strategies = [
  { title: 'murmur3', parameters: defaultParameters('murmur3') },
  { title: 'murmur3 with 3 virtual nodes', parameters: defaultParameters('murmur3', { virtualNodes: 3 }) },
  { title: 'assignment, linear', parameters: defaultParameters('assignment') },
  { title: 'assignment, quadratic', parameters: defaultParameters('assignment', { probing: 'quadratic' }) },
  {
    title: 'assignment, crowded',
    parameters: defaultParameters('assignment', { slots: 64, probing: 'quadratic' }),
  },
];

/** Keys of all kinds. Each test uses these and arbitrary ones. */
const fixedKeys = Array.from({ length: 300 }, (_, i) => (i % 2 ? `user:${i}` : String(100_000 + i * 2_999)));
const anyKeys = fc
  .array(fc.string({ unit: 'grapheme' }), { maxLength: 10 })
  .map((keys) => [...fixedKeys, ...keys]);

/** Similar names, so that an error in their order or their virtual nodes shows. */
const anyName = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,5}$/);
const anyHistory = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ join: anyName, weight: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ leave: fc.nat() }) },
  ),
  { minLength: 1, maxLength: 14 },
);

describe.each(strategies)('any ring ($title)', ({ parameters }) => {
  /** @returns `members` with the newcomer placed among them, or unchanged if the ring is full. */
  function joinedBy(members: readonly RingMember[], newcomer: RingMember): readonly RingMember[] {
    try {
      return [...members, placeMember(parameters, members, newcomer)];
    } catch (error) {
      if (error instanceof RingFullError) return members;
      throw error;
    }
  }

  /** Members placed one after the other on the ring of that moment; some leave in between. */
  const anyMembers = anyHistory.map((history) => {
    let members: readonly RingMember[] = [];
    for (const [step, event] of history.entries()) {
      if ('leave' in event) {
        const gone = event.leave % Math.max(1, members.length);
        members = members.filter((_, i) => i !== gone);
      } else if (!members.some(({ name }) => name === event.join)) {
        members = joinedBy(members, { name: event.join, joined: step + 1, weight: event.weight });
      }
    }
    return members;
  });
  const someMembers = anyMembers.filter((members) => members.length > 0);

  it('moves no key of another replica when one leaves', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(someMembers, fc.nat(), anyKeys, (members, pick, keys) => {
        const gone = members[pick % members.length];
        const rest = members.filter((member) => member !== gone);
        const [before, after] = [createRing(parameters, members), createRing(parameters, rest)];
        const moved = keys.filter((key) => after.owner(key) !== before.owner(key));
        expect(moved).toEqual(keys.filter((key) => before.owner(key) === gone?.name));
      }),
    );
  });

  it('moves keys only to the newcomer when one joins', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(anyMembers, fc.integer({ min: 1, max: 3 }), anyKeys, (members, weight, keys) => {
        const more = joinedBy(members, { name: 'newcomer', joined: 99, weight });
        const [before, after] = [createRing(parameters, members), createRing(parameters, more)];
        const moved = keys.filter((key) => after.owner(key) !== before.owner(key));
        expect(moved).toEqual(keys.filter((key) => after.owner(key) === 'newcomer'));
      }),
    );
  });

  it('moves no slot of another replica when one is placed', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(anyMembers, (members) => {
        const snapshot = structuredClone(members);
        const more = joinedBy(members, { name: 'newcomer', joined: 99, weight: 1 });
        expect(more.slice(0, members.length)).toEqual(snapshot);
      }),
    );
  });

  it('does not depend on the order of its members', () => {
    expect.hasAssertions();
    const shuffled = someMembers.chain((members) =>
      fc.tuple(fc.constant(members), fc.shuffledSubarray([...members], { minLength: members.length })),
    );
    fc.assert(
      fc.property(shuffled, anyKeys, ([members, others], keys) => {
        const [ring, other] = [createRing(parameters, members), createRing(parameters, others)];
        expect(other.members).toEqual(ring.members);
        expect(keys.map((key) => other.explain(key))).toEqual(keys.map((key) => ring.explain(key)));
      }),
    );
  });

  it('lists each replica once as a successor, the owner first', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(anyMembers, anyKeys, (members, keys) => {
        const ring = createRing(parameters, members);
        const names = members.map(({ name }) => name).toSorted();
        const successors = keys.map((key) => [...ring.successors(key)]);
        expect(successors.map(([first]) => first)).toEqual(keys.map((key) => ring.owner(key)));
        expect(successors.map((all) => all.toSorted())).toEqual(keys.map(() => names));
      }),
    );
  });

  it('gives a key to its next successor each time its owner leaves', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(someMembers, fc.constantFrom(...fixedKeys), (members, key) => {
        let left: readonly RingMember[] = members;
        for (const successor of createRing(parameters, members).successors(key)) {
          expect(createRing(parameters, left).owner(key)).toBe(successor);
          left = left.filter(({ name }) => name !== successor);
        }
        expect(left).toEqual([]);
      }),
    );
  });

  it('explains the owner that it names', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(someMembers, anyKeys, (members, keys) => {
        const ring = createRing(parameters, members);
        const reasons = keys.map((key) => ring.explain(key));
        expect(reasons.map((why) => [why?.key, why?.owner, why?.virtualNode.name, why?.successors])).toEqual(
          keys.map((key) => [key, ring.owner(key), ring.owner(key), [...ring.successors(key)]]),
        );
      }),
    );
  });

  it('lists its members in order of joining and cannot be changed', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(someMembers, (members) => {
        const ring = createRing(parameters, members.toReversed());
        expect(ring.members).toEqual(members);
        const slots = ring.members.map((member) => member.slots);
        const parts = [ring, ring.parameters, ring.members, ...ring.members, ...slots];
        expect(parts.filter((part) => !Object.isFrozen(part))).toEqual([]);
      }),
    );
  });

  it('has no owner, successor or explanation while empty', () => {
    const ring = createRing(parameters, []);
    const answers = fixedKeys.map((key) => [ring.owner(key), ring.explain(key), [...ring.successors(key)]]);
    expect(answers).toEqual(fixedKeys.map(() => [undefined, undefined, []]));
  });
});
