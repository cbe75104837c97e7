import { expect, test } from 'vitest';
import { planOf, variations } from '../bench/growth/curves.ts';
import { growthPlan, quickGrowthPlan } from '../bench/run-plan.ts';

test.each([
  ['all rounds', growthPlan],
  ['quick', quickGrowthPlan],
])('warms up each point of a curve for whole seconds: %s', (_, plan) => {
  const seconds = variations.map((variation) => planOf(variation, plan).warmUpSeconds);
  expect(seconds.filter((each) => !Number.isInteger(each) || each < 1)).toEqual([]);
});
