import { expect, it } from 'vitest';
import { capsOf } from '../../gateway/load/caps.ts';

it('the cap of each replica in the ring is its part of all load by its present weight, or its slots', () => {
  const members = [
    { name: 'S1', joined: 1, weight: 1 },
    { name: 'S2', joined: 2, weight: 4, share: 0.5 },
    { name: 'S3', joined: 3, weight: 1 },
  ];
  const loads: Readonly<Record<string, number>> = { S1: 9, S2: 20, S3: 10 };
  const knownOf = (name: string) => ({ load: loads[name] ?? 0, concurrency: name === 'S3' ? 50 : 1 });
  // 1.5 * 40 requests, of which S1 may have a quarter and S2 half.
  expect([...capsOf({ members }, knownOf, 1.5)]).toEqual([
    ['S1', 15],
    ['S2', 30],
    ['S3', 100],
  ]);
});
