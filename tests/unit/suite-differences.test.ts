import { expect, test } from 'vitest';
import { compare } from '../suites/differences.ts';
import type { Reason } from '../suites/reason.ts';
import type { Outcome, Results } from '../suites/results.ts';

function results(states: Readonly<Record<string, Outcome['state']>>): Results {
  return new Map(Object.entries(states).map(([name, state]) => [name, { state, message: '' }]));
}

const aborts: Reason = { kind: 'abort', why: 'It aborts.', tests: { 'a.js': ['aborts'] } };
const races: Reason = { kind: 'timing', why: 'It races.', tests: { 'a.js': ['races'] } };

test('tests that pass both ways, or neither way, do not differ', () => {
  const direct = results({ 'a.js: one': 'passed', 'a.js: two': 'failed', 'a.js: three': 'failed' });
  const through = results({ 'a.js: one': 'passed', 'a.js: two': 'failed', 'a.js: three': 'skipped' });

  expect(compare(direct, through, [])).toEqual({ explained: new Map(), unexplained: [], stale: [] });
});

test('a test that passes only one way differs, in either direction', () => {
  const direct = results({ 'a.js: one': 'passed', 'a.js: two': 'failed', 'a.js: three': 'passed' });
  const through = results({ 'a.js: one': 'failed', 'a.js: two': 'passed' });

  const { unexplained } = compare(direct, through, []);

  expect(unexplained.map((difference) => difference.test)).toEqual(['a.js: one', 'a.js: two', 'a.js: three']);
});

test('a difference with a reason is explained by it', () => {
  const direct = results({ 'a.js: aborts': 'passed' });
  const through = results({ 'a.js: aborts': 'failed' });

  const { explained, unexplained, stale } = compare(direct, through, [aborts]);

  expect(explained.get(aborts)?.map((difference) => difference.test)).toEqual(['a.js: aborts']);
  expect([unexplained, stale]).toEqual([[], []]);
});

test('a reason is stale if its test does not differ or does not exist', () => {
  const equal = results({ 'a.js: aborts': 'passed' });

  expect(compare(equal, equal, [aborts]).stale).toEqual(['a.js: aborts']);
  expect(compare(results({}), results({}), [aborts]).stale).toEqual(['a.js: aborts']);
});

test('the reason of a test that depends on time is stale only if the test does not exist', () => {
  const equal = results({ 'a.js: races': 'passed' });

  expect(compare(equal, equal, [races]).stale).toEqual([]);
  expect(compare(results({}), results({}), [races]).stale).toEqual(['a.js: races']);
});
