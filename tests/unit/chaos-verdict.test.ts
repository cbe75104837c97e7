import { describe, expect, it } from 'vitest';
import type { LedgerLine } from '../chaos/ledger.ts';
import type { Attempt, RequestRecord, Result } from '../chaos/record.ts';
import { alwaysUnmet } from '../chaos/stage.ts';
import { judge, ranTooLate, recoveryMs, slowestBetween } from '../chaos/verdict.ts';

const answer = (status: number, rest: Partial<Extract<Result, { kind: 'answer' }>> = {}): Result => ({
  kind: 'answer',
  status,
  code: undefined,
  id: undefined,
  nonce: undefined,
  replica: undefined,
  retryAfter: undefined,
  ...rest,
});
const right = (id: string, nonce = `${id}-nonce`): Result => answer(200, { id, nonce });
const problem = (status: number, code: string): Result => answer(status, { code });
const broken: Result = { kind: 'broken', code: 'ECONNRESET', reused: true };
const refused: Result = { kind: 'refused' };
const silence: Result = { kind: 'silence' };

/** A request that is sent once per result, 10 ms each, one after the other, the first at `from`. */
function request(
  id: string,
  method: RequestRecord['method'],
  results: readonly Result[],
  from = 1000,
): RequestRecord {
  const attempts = results.map((result, at): Attempt => ({
    target: 0,
    sent: from + at * 10,
    ended: from + at * 10 + 10,
    result,
  }));
  return { id, method, key: `key-of-${id}`, attempts };
}

const execution = (id: string, rest: Partial<LedgerLine> = {}): LedgerLine => ({
  id,
  method: 'POST',
  replica: 'S1',
  attempt: 1,
  pid: 1,
  at: 1005,
  nonce: `${id}-nonce`,
  ...rest,
});

describe('a 2xx answer', () => {
  it('is right if the request was executed', () => {
    const verdict = judge([request('a', 'POST', [right('a')])], [execution('a')]);
    expect(verdict).toMatchObject({
      requests: 1,
      right: 1,
      lost: [],
      doubled: [],
      retries: 0,
      slowestMs: 10,
    });
    expect(verdict.failed.size).toBe(0);
  });

  it('is right if it comes from any of several executions of an idempotent request', () => {
    const ledger = [execution('a', { nonce: 'first' }), execution('a', { nonce: 'second', attempt: 2 })];
    const verdict = judge([request('a', 'GET', [right('a', 'second')])], ledger);
    expect(verdict).toMatchObject({ right: 1, lost: [], doubled: [] });
  });

  it('counts as a loss if nothing was executed', () => {
    const verdict = judge([request('a', 'GET', [right('a')])], [execution('b')]);
    expect(verdict).toMatchObject({ right: 0, lost: [{ id: 'a' }] });
  });

  it('counts as a loss if it names an execution that did not happen', () => {
    const verdict = judge([request('a', 'GET', [right('a', 'made up')])], [execution('a')]);
    expect(verdict).toMatchObject({ right: 0, lost: [{ id: 'a' }] });
  });

  it('counts as a loss if it answers another request', () => {
    const ledger = [execution('a'), execution('b')];
    const verdict = judge([request('a', 'GET', [right('b')])], ledger);
    expect(verdict.lost).toEqual([{ id: 'a', why: 'its answer belongs to b' }]);
    expect(verdict.right).toBe(0);
  });
});

describe('a missing answer', () => {
  it.each(['GET', 'POST'] as const)('counts as a loss of a %s', (method) => {
    const verdict = judge([request('a', method, [silence])], []);
    expect(verdict.lost).toEqual([{ id: 'a', why: 'it got no answer' }]);
    expect([...verdict.failed]).toEqual([['no_answer', 1]]);
  });
});

describe('a request that may not run twice', () => {
  it('is doubled if it was executed twice, whatever the answer', () => {
    const ledger = [execution('a'), execution('a', { attempt: 2, pid: 2 })];
    for (const result of [right('a'), problem(502, 'outcome_unknown'), broken])
      expect(judge([request('a', 'POST', [result])], ledger).doubled).toEqual([
        { id: 'a', why: 'done 2 times: S1 attempt 1 pid 1, S1 attempt 2 pid 2' },
      ]);
  });

  it.each([
    ['502', problem(502, 'outcome_unknown')],
    ['504', problem(504, 'reply_timeout')],
    ['a broken connection', broken],
  ])('may or may not have been executed if it ended with %s', (_, result) => {
    expect(judge([request('a', 'POST', [result])], [execution('a')]).lost).toEqual([]);
    expect(judge([request('a', 'POST', [result])], []).lost).toEqual([]);
  });

  it.each([
    ['503', problem(503, 'redis_away')],
    ['a refused connection', refused],
    ['400', problem(400, 'request_malformed')],
  ])('is lost if it was executed although it ended with %s', (_, result) => {
    expect(judge([request('a', 'POST', [result])], [execution('a')]).lost).toMatchObject([{ id: 'a' }]);
    expect(judge([request('a', 'POST', [result])], []).lost).toEqual([]);
  });

  it('is right if it was refused, sent again, answered and executed once', () => {
    const results = [problem(503, 'redis_away'), refused, right('a')];
    const verdict = judge([request('a', 'POST', results)], [execution('a')]);
    expect(verdict).toMatchObject({ right: 1, lost: [], doubled: [], retries: 2, slowestMs: 30 });
  });

  it('is doubled if it was executed although refused, and then executed again', () => {
    const results = [problem(503, 'redis_away'), right('a')];
    const ledger = [execution('a', { nonce: 'refused' }), execution('a')];
    expect(judge([request('a', 'POST', results)], ledger).doubled).toMatchObject([{ id: 'a' }]);
  });

  it('is listed by whether it was executed if its connection broke', () => {
    const records = [request('a', 'POST', [broken]), request('b', 'POST', [broken])];
    const verdict = judge(records, [execution('a')]);
    expect(verdict.broken).toEqual({ done: ['a'], notDone: ['b'] });
    expect([...verdict.failed]).toEqual([['connection_lost', 2]]);
  });
});

describe('an idempotent request', () => {
  it('may be executed any number of times', () => {
    const ledger = [execution('a'), execution('a', { nonce: 'again' })];
    expect(judge([request('a', 'GET', [broken, right('a')])], ledger)).toMatchObject({
      right: 1,
      lost: [],
      doubled: [],
      idempotentFailed: [],
    });
  });

  it('may be executed although its client was told that it was not', () => {
    expect(judge([request('a', 'GET', [problem(503, 'redis_away')])], [execution('a')]).lost).toEqual([]);
  });

  it.each([
    [problem(502, 'outcome_unknown'), 'outcome_unknown'],
    [answer(500), 'http_500'],
    [refused, 'refused'],
    [broken, 'connection_lost'],
  ])('has failed if it did not end with 2xx', (result, code) => {
    const verdict = judge([request('a', 'GET', [result])], []);
    expect(verdict.idempotentFailed).toEqual([{ id: 'a', why: `it ended with ${code}` }]);
    expect([...verdict.failed]).toEqual([[code, 1]]);
  });
});

describe('a request that was mistaken for a poison request', () => {
  const died = problem(502, 'worker_died');

  it('is counted separately from idempotent requests that failed', () => {
    const verdict = judge([request('a', 'GET', [died]), request('b', 'GET', [broken])], []);
    expect(verdict.mistakenForPoison).toMatchObject([{ id: 'a' }]);
    expect(verdict.idempotentFailed).toMatchObject([{ id: 'b' }]);
    expect([...verdict.failed]).toEqual([
      ['worker_died', 1],
      ['connection_lost', 1],
    ]);
  });

  it('breaks the promise unless the scenario allows it', () => {
    const verdict = judge([request('a', 'GET', [died])], []);
    expect(alwaysUnmet(verdict)).toEqual(['1 mistaken for a poison request: a (it ended with worker_died)']);
    expect(alwaysUnmet({ ...verdict, mistakenForPoison: [] })).toEqual([]);
  });

  it('is doubled if it may not run twice and was executed twice', () => {
    const ledger = [execution('a'), execution('a', { attempt: 2, pid: 2 })];
    expect(judge([request('a', 'POST', [died])], ledger).doubled).toMatchObject([{ id: 'a' }]);
  });
});

describe('the time that answers take', () => {
  const records = [
    request('a', 'GET', [right('a')], 1000),
    request('b', 'GET', [refused, right('b')], 1100),
    request('c', 'GET', [problem(503, 'redis_away'), refused, right('c')], 1200),
  ];

  it('is that of the slowest request that was under way in the span', () => {
    expect(slowestBetween(records, 1000, 1050)).toBe(10);
    expect(slowestBetween(records, 1005, 1101)).toBe(20);
    expect(slowestBetween(records, 0, 2000)).toBe(30);
    expect(slowestBetween(records, 1020, 1090)).toBe(0);
  });

  it('gives recovery as the time to the first right answer to a request sent after the fault', () => {
    expect(recoveryMs(records, 999)).toBe(11);
    expect(recoveryMs(records, 1105)).toBe(15);
    expect(recoveryMs(records, 1110)).toBe(120);
    expect(recoveryMs(records, 1000, ({ id }) => id === 'c')).toBe(230);
    expect(recoveryMs(records, 1220)).toBeUndefined();
  });
});

describe('a request whose client was told 504', () => {
  const records = [request('a', 'GET', [problem(504, 'reply_timeout')]), request('b', 'GET', [right('b')])];

  it('must not start after that answer', () => {
    expect(ranTooLate(records, [execution('a', { at: 1100 })])).toEqual([
      { id: 'a', why: 'it started 90 ms after the answer 504' },
    ]);
  });

  it('may have started before; a request with another answer may start at any time', () => {
    expect(ranTooLate(records, [execution('a', { at: 1009 }), execution('b', { at: 1100 })])).toEqual([]);
  });
});
