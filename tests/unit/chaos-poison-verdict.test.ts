import { describe, expect, it } from 'vitest';
import { judgePoisons } from '../chaos/bad-traffic/poison-verdict.ts';
import type { LedgerLine } from '../chaos/ledger.ts';
import type { RequestRecord } from '../chaos/record.ts';

const poison = { id: 'poison', replica: 'S1' };
/** Keys are named after the replica that owns them. */
const owner = (key: string): string => key;

/** A run of a replica by its nth worker, at `at`. */
const run = (id: string, replica: string, worker: number, at: number): LedgerLine => ({
  id,
  method: 'GET',
  replica,
  attempt: worker,
  pid: Number(replica.slice(1)) * 100 + worker,
  at,
  nonce: `${id}-${worker}`,
});
const threeDeaths = [1, 2, 3].map((worker) => run('poison', 'S1', worker, worker * 1000));

function post(id: string, key: string, ended: number, status = 502): RequestRecord {
  const code = status === 200 ? undefined : 'outcome_unknown';
  const rest = { id, nonce: undefined, replica: undefined, retryAfter: undefined };
  return {
    id,
    method: 'POST',
    key,
    attempts: [{ target: 0, sent: 900, ended, result: { kind: 'answer', status, code, ...rest } }],
  };
}

describe('a poison request', () => {
  it('may have three runs by its own replica', () =>
    expect(judgePoisons([poison], [], threeDeaths, owner)).toEqual([]));

  it('must not have a fourth', () =>
    expect(judgePoisons([poison], [], [...threeDeaths, run('poison', 'S1', 4, 4000)], owner)).toEqual([
      'the poison poison was run 4 times',
    ]));

  it('must not be run by another replica', () =>
    expect(
      judgePoisons([poison], [], [run('poison', 'S1', 1, 1000), run('poison', 'S2', 1, 2000)], owner),
    ).toEqual(['the poison poison of S1 was also run by S2']));

  it('has to have been run at all', () =>
    expect(judgePoisons([poison], [], [], owner)).toEqual(['the poison poison was never run']));
});

describe('a request that failed beside it', () => {
  it('may have been running at the first death', () =>
    expect(
      judgePoisons([poison], [post('a', 'S1', 1400)], [...threeDeaths, run('a', 'S1', 1, 950)], owner),
    ).toEqual([]));

  it('may have been taken by then and not begun', () =>
    expect(judgePoisons([poison], [post('a', 'S1', 1400)], threeDeaths, owner)).toEqual([]));

  it('must not have been running at a later death', () =>
    expect(
      judgePoisons([poison], [post('a', 'S1', 2400)], [...threeDeaths, run('a', 'S1', 2, 1950)], owner),
    ).toMatchObject([expect.stringContaining('POST a, outcome_unknown')]));

  it('must not have been taken for a later worker', () =>
    expect(judgePoisons([poison], [post('a', 'S1', 2400)], threeDeaths, owner)).toHaveLength(1));

  it('must not be of another replica', () =>
    expect(
      judgePoisons([poison], [post('a', 'S2', 1400)], [...threeDeaths, run('a', 'S2', 1, 950)], owner),
    ).toHaveLength(1));

  it('is none if it was answered', () =>
    expect(judgePoisons([poison], [post('a', 'S2', 1400, 200)], threeDeaths, owner)).toEqual([]));
});
