import { describe, expect, it } from 'vitest';
import { circleOf } from '../../shared/ring/clockwise.ts';
import { hashKey } from '../../shared/ring/key-hash.ts';
import type { RingMember } from '../../shared/ring/ring.ts';
import {
  capacity,
  createRing,
  defaultParameters,
  differingParameters,
  placeMember,
} from '../../shared/ring/strategies.ts';

const parameters = defaultParameters('murmur3');

function replicas(count: number): RingMember[] {
  return Array.from({ length: count }, (_, i) => ({ name: `S${i + 1}`, joined: i + 1, weight: 1 }));
}

describe('hashKey', () => {
  // Published vectors of MurmurHash3_x86_32 with seed 0.
  it.each([
    ['', 0x00000000],
    ['a', 0x3c2569b2],
    ['abc', 0xb3dd93fa],
    ['test', 0xba6bd213],
    ['hello', 0x248bfa47],
    ['hello, world', 0x149bbb7f],
    ['Hello, world!', 0xc0363e43],
    ['19 Jan 2038 at 3:14:07 AM', 0xe31e8a70],
    ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
    ['\0\0\0\0', 0x2362f9de],
  ])('hashes %j as the reference implementation does', (text, hash) => {
    expect(hashKey(text)).toBe(hash);
  });

  // Computed by a second implementation, in Python, over text.encode('utf-8').
  it.each([
    ['é', 0x10110787],
    ['ÿ', 0xb189590e],
    ['日本語', 0xa5a47297],
    ['🦊 fox', 0x9a8b28c3],
  ])('hashes the UTF-8 bytes of %j', (text, hash) => {
    expect(hashKey(text)).toBe(hash);
  });
});

describe('the murmur3 ring', () => {
  const ring = createRing(parameters, replicas(3));

  it.each([
    ['', 'S3', 73, 5_859_179],
    ['0', 'S2', 20, 3_534_741_703],
    ['100000', 'S2', 128, 1_016_987_741],
    ['555555', 'S3', 146, 2_306_785_726],
    ['999999', 'S2', 0, 361_231_657],
    ['/home', 'S1', 16, 3_944_137_301],
    ['user:42', 'S3', 139, 3_359_830_076],
    ['alice', 'S2', 139, 1_284_876_879],
    ['bob', 'S1', 132, 2_851_441_419],
    ['日本語', 'S1', 12, 2_796_439_078],
  ])('always gives %j to the same virtual node', (key, name, index, position) => {
    expect(ring.explain(key)?.virtualNode).toEqual({ name, index, position });
    expect(hashKey(`${name}#${index}`)).toBe(position);
  });

  it('agrees with a linear search through all virtual nodes', () => {
    const points = replicas(3)
      .flatMap(({ name }) => Array.from({ length: 160 }, (_, i) => ({ name, hash: hashKey(`${name}#${i}`) })))
      .toSorted((a, b) => a.hash - b.hash);
    for (let i = 0; i < 5_000; i++) {
      const point = points.find(({ hash }) => hash >= hashKey(`key-${i}`)) ?? points[0];
      expect(ring.owner(`key-${i}`)).toBe(point?.name);
    }
  });

  it('gives a key exactly at the position of a virtual node to that node', () => {
    const texts = ring.members.flatMap(({ name }) => Array.from({ length: 160 }, (_, i) => `${name}#${i}`));
    const owners = texts.map((text) => ring.explain(text)?.virtualNode);
    expect(owners.map((node) => `${node?.name}#${node?.index}`)).toEqual(texts);
  });

  it('orders virtual nodes at the same position by name in code units, then by index', () => {
    const nodes = ['a', 'S10', 'S2', 'é'].flatMap((name) =>
      [1, 0].map((index) => ({ name, index, position: 7 })),
    );
    const circle = circleOf([{ name: 'z', index: 0, position: 3 }, ...nodes]);
    expect(circle.names).toEqual(['z', 'S10', 'S10', 'S2', 'S2', 'a', 'a', 'é', 'é']);
    expect([...circle.indices]).toEqual([0, 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(circleOf(nodes.toReversed())).toEqual(circleOf(nodes));
  });

  it('wraps around from the last virtual node to the first', () => {
    const lone = createRing(defaultParameters('murmur3', { virtualNodes: 1 }), replicas(1));
    const position = hashKey('S1#0');
    const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
    expect(keys.some((key) => hashKey(key) > position)).toBe(true);
    expect(keys.every((key) => lone.owner(key) === 'S1')).toBe(true);
  });

  it.each([5, 20])('loads no replica of %i above 1.25 times the mean', (count) => {
    const loaded = createRing(parameters, replicas(count));
    const keys = 100_000;
    const held = new Map<string, number>();
    for (let i = 0; i < keys; i++) {
      const owner = loaded.owner(`key-${i}`) ?? 'none';
      held.set(owner, (held.get(owner) ?? 0) + 1);
    }
    expect(held.size).toBe(count);
    expect(Math.max(...held.values()) / (keys / count)).toBeLessThanOrEqual(1.25);
  });

  it('gives a replica of weight 3 about three times the keys', () => {
    const weighted = createRing(
      parameters,
      replicas(4).map((member) => (member.name === 'S2' ? { ...member, weight: 3 } : member)),
    );
    let held = 0;
    for (let i = 0; i < 60_000; i++) if (weighted.owner(`key-${i}`) === 'S2') held++;
    expect(held).toBeGreaterThan(25_000);
    expect(held).toBeLessThan(35_000);
  });

  it('places a newcomer unchanged and without limit', () => {
    const newcomer = { name: 'S4', joined: 4, weight: 2 };
    expect(placeMember(parameters, replicas(3), newcomer)).toEqual(newcomer);
    expect(capacity(parameters)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('differingParameters', () => {
  const murmur3 = defaultParameters('murmur3');
  const assignment = defaultParameters('assignment');

  it('names nothing if all parameters agree', () => {
    expect(differingParameters(murmur3, defaultParameters('murmur3'))).toEqual([]);
    expect(differingParameters(assignment, defaultParameters('assignment'))).toEqual([]);
  });

  it('names only the strategy if it differs', () => {
    expect(differingParameters(murmur3, assignment)).toEqual(['strategy: murmur3 here, assignment in Redis']);
  });

  it('names each parameter that differs', () => {
    expect(differingParameters(murmur3, defaultParameters('murmur3', { virtualNodes: 40 }))).toEqual([
      'virtualNodes: 160 here, 40 in Redis',
    ]);
    const other = defaultParameters('assignment', { slots: 1024, virtualNodes: 8, probing: 'quadratic' });
    expect(differingParameters(assignment, other)).toEqual([
      'slots: 512 here, 1024 in Redis',
      'virtualNodes: 9 here, 8 in Redis',
      'probing: linear here, quadratic in Redis',
    ]);
  });
});
