import { expect, it } from 'vitest';
import type { Outcome } from '../analysis/client.ts';
import { judge } from '../analysis/recovery.ts';
import { timelineOf } from '../analysis/timeline.ts';

const killed = 10_000;
const names = ['S1', 'S2'];

/** A request that was sent `after` ms after the kill. */
function outcome(after: number, ms: number, replica: string, rest: Partial<Outcome> = {}): Outcome {
  const sent = killed + after;
  return { sent, ended: sent + ms, owner: replica, replica, failure: undefined, ...rest };
}

it('measures recovery from the kill to the first answer to a request sent after it', () => {
  const kill = judge(
    [
      outcome(-300, 5, 'S1'),
      outcome(-2, 420, 'S1'), // sent before the kill, and in the queue when the worker died
      outcome(10, 3, 'S2'),
      outcome(20, 430, 'S1'),
      outcome(40, 409, 'S1'),
      outcome(600, 4, 'S1'),
    ],
    { victim: 'S1', killed, workersMs: 400, names },
  );
  expect(kill).toMatchObject({
    workersMs: 400,
    keysMs: 449,
    allServeMs: 449,
    slowestMs: 430,
    requests: 6,
    failures: new Map(),
  });
});

it('takes an answer by any replica for recovery of a key, but not an error', () => {
  const kill = judge(
    [
      outcome(5, 10, 'S1', { replica: undefined, failure: 'outcome_unknown' }),
      outcome(10, 20, 'S2', { owner: 'S1' }),
      outcome(100, 400, 'S1'),
    ],
    { victim: 'S1', killed, workersMs: 400, names },
  );
  expect(kill.keysMs).toBe(30);
  expect(kill.allServeMs).toBe(500);
  expect(kill.failures).toEqual(new Map([['outcome_unknown', 1]]));
});

it('gives infinity if a key never recovered', () => {
  const { keysMs } = judge([outcome(10, 3, 'S2')], { victim: 'S1', killed, workersMs: 1, names });
  expect(keysMs).toBe(Number.POSITIVE_INFINITY);
});

it('counts the answers in each tenth of a second, including those without any', () => {
  const outcomes = [outcome(-90, 10, 'S1'), outcome(-50, 55, 'S1'), outcome(10, 20, 'S2')];
  expect(timelineOf(outcomes, killed, { before: 100, after: 200 })).toEqual([
    { fromMs: -100, replica: 'S1', answers: 1 },
    { fromMs: -100, replica: 'S2', answers: 0 },
    { fromMs: 0, replica: 'S1', answers: 1 },
    { fromMs: 0, replica: 'S2', answers: 1 },
    { fromMs: 100, replica: 'S1', answers: 0 },
    { fromMs: 100, replica: 'S2', answers: 0 },
  ]);
});
