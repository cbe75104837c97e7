import { expect, it } from 'vitest';
import { FinishedRuns } from '../../worker/run/finished-runs.ts';
import { Idleness } from '../../worker/session/idleness.ts';

it('a worker is idle since the first look at which it ran nothing and had started nothing', () => {
  const served = { size: 0, activity: 'S1 0' };
  const finished = new FinishedRuns(10, 1000);
  let now = 100;
  const idleness = new Idleness(served, finished, { now: () => now });
  // What happened before is not known.
  expect(idleness.measure(0)).toBeUndefined();
  expect(idleness.measure(1)).toEqual({ since: 100, remembers: false });
  now = 200;
  // Redis's clock was set forward, and nothing is idle for longer by that.
  expect(idleness.measure(2)).toEqual({ since: 199, remembers: false });
  now = -5000;
  expect(idleness.measure(3)).toEqual({ since: -5002, remembers: false });
  now = 200;
  served.activity = 'S1 1';
  expect(idleness.measure(3)).toBeUndefined();
  served.size = 1;
  expect(idleness.measure(4)).toBeUndefined();
  served.size = 0;
  finished.add('a POST', 5);
  expect(idleness.measure(5)).toEqual({ since: 200, remembers: true });
  now = 1201;
  expect(idleness.measure(1006)).toEqual({ since: 200, remembers: false });
  served.activity = 'S1 1 S2 0';
  expect(idleness.measure(1007), 'another queue is served').toBeUndefined();
});
