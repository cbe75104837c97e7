import { expect, it } from 'vitest';
import { Rollout } from '../../gateway/controller/rollout.ts';

it('a rollout that fails is tried again after 1 s, then 2 s, and its trouble is told', () => {
  const rollout = new Rollout();
  expect([rollout.notBefore, rollout.trouble]).toEqual([0, undefined]);
  rollout.failed('S1', 'no such image', 10_000);
  expect(rollout.notBefore).toBe(11_000);
  expect(rollout.trouble).toBe('S1 could not be rolled out: no such image (once; its old worker goes on)');
  rollout.failed('S2', 'it ended', 20_000);
  expect(rollout.notBefore).toBe(22_000);
  expect(rollout.trouble).toBe('S2 could not be rolled out: it ended (2 times; its old worker goes on)');
});

it('a rollout that is done counts its failures anew', () => {
  const rollout = new Rollout();
  rollout.failed('S1', 'no such image', 10_000);
  rollout.failed('S1', 'no such image', 10_000);
  rollout.done();
  expect([rollout.notBefore, rollout.trouble]).toEqual([0, undefined]);
  rollout.failed('S1', 'it ended', 30_000);
  expect(rollout.notBefore).toBe(31_000);
});
