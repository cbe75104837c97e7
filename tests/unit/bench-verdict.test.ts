import { describe, expect, it } from 'vitest';
import type { Load } from '../bench/load/load.ts';
import { faultsOf } from '../bench/verdict.ts';
import { Marks, together } from '../bench/workload/marks.ts';

const load = (change: Partial<Load>): Load => ({
  seconds: 4,
  p50: 1,
  p90: 1,
  p99: 1,
  max: 1,
  sent: 100,
  answered: 100,
  foreign: 0,
  refused: 0,
  overdue: 0,
  broken: 0,
  ...change,
});
const executed = { executions: 100, distinct: 100 };

describe('the verdict on a measurement', () => {
  it('finds no fault if each request was executed once and answered', () =>
    expect(faultsOf(load({}), executed, 16)).toEqual([]));

  it('allows as many requests without an answer as there are connections', () => {
    const some = load({ answered: 84 });
    expect(faultsOf(some, executed, 16)).toEqual([]);
    expect(faultsOf(some, executed, 15)).toEqual([
      '1 requests more than there are connections have no answer',
    ]);
  });

  it.each([
    [{ answered: 99, foreign: 1 }, '1 answers do not belong to their request'],
    [{ answered: 97, refused: 3 }, '3 answers are not 200'],
    [{ broken: 2 }, '2 connections failed'],
    [{ answered: 99, overdue: 1 }, '1 requests are lost: no answer for half of the run'],
  ])('names %o', (change, fault) => expect(faultsOf(load(change), executed, 16)).toEqual([fault]));

  it('does not call a request lost if the run is too short to know', () =>
    expect(faultsOf(load({ seconds: 1, answered: 99, overdue: 1 }), executed, 16)).toEqual([]));

  it('names executions that are doubled, have no request, or are missing', () => {
    expect(faultsOf(load({}), { executions: 101, distinct: 100 }, 16)).toEqual(['1 executions were doubled']);
    expect(faultsOf(load({}), { executions: 102, distinct: 102 }, 16)).toEqual([
      '2 executions have no request before them',
    ]);
    expect(faultsOf(load({}), { executions: 98, distinct: 98 }, 16)).toEqual([
      '2 answers have no execution behind them',
    ]);
  });

  it('does not take a run without answers for a success', () =>
    expect(faultsOf(load({ sent: 0, answered: 0 }), { executions: 0, distinct: 0 }, 16)).toEqual([
      'there is no right answer',
    ]));
});

describe('marks', () => {
  const marked = (...numbers: number[]): Marks => {
    const marks = new Marks();
    for (const number of numbers) marks.add(number);
    return marks;
  };

  it('show a request that one worker executed twice', () =>
    expect(together([marked(0, 7, 8, 8).toJSON()])).toEqual({ executions: 4, distinct: 3 }));

  it('show a request that two workers executed', () =>
    expect(together([marked(1, 100_000).toJSON(), marked(100_000).toJSON()])).toEqual({
      executions: 3,
      distinct: 2,
    }));

  it('count nothing if there is no worker', () =>
    expect(together([])).toEqual({ executions: 0, distinct: 0 }));

  it.each([-1, 1.5, Number.NaN, 2 ** 31])('refuse %d', (number) =>
    expect(() => new Marks().add(number)).toThrow(RangeError),
  );
});
