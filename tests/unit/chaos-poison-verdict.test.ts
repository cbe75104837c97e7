import { describe, expect, it } from 'vitest';
import { judgePoisons } from '../chaos/bad-traffic/poison-verdict.ts';
import type { LedgerLine } from '../chaos/ledger.ts';
import type { RequestRecord } from '../chaos/record.ts';

const poison = { id: 'poison', replica: 'S1' };
/** Here a key is the name of the replica that owns it. */
const owner = (key: string): string => key;

/** A run of a request by the nth worker of a replica. */
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
  it('may be run three times by its own replica', () =>
    expect(judgePoisons([poison], [], threeDeaths, owner)).toEqual([]));

  it('must not be run a fourth time', () =>
    expect(judgePoisons([poison], [], [...threeDeaths, run('poison', 'S1', 4, 4000)], owner)).toEqual([
      'the poison poison was run 4 times',
    ]));

  it('must not be run by another replica', () =>
    expect(
      judgePoisons([poison], [], [run('poison', 'S1', 1, 1000), run('poison', 'S2', 1, 2000)], owner),
    ).toEqual(['the poison poison of S1 was also run by S2']));

  it('must have been run at all', () =>
    expect(judgePoisons([poison], [], [], owner)).toEqual(['the poison poison was never run']));
});

describe('a request that failed beside a poison request', () => {
  it('is excused if it was running at the first death', () =>
    expect(
      judgePoisons([poison], [post('a', 'S1', 1400)], [...threeDeaths, run('a', 'S1', 1, 950)], owner),
    ).toEqual([]));

  it('is excused if it was taken and not started at the first death', () =>
    expect(judgePoisons([poison], [post('a', 'S1', 1400)], threeDeaths, owner)).toEqual([]));

  it('is not excused if it was running at a later death', () =>
    expect(
      judgePoisons([poison], [post('a', 'S1', 2400)], [...threeDeaths, run('a', 'S1', 2, 1950)], owner),
    ).toMatchObject([expect.stringContaining('POST a, outcome_unknown')]));

  it('is not excused if a later worker had taken it', () =>
    expect(judgePoisons([poison], [post('a', 'S1', 2400)], threeDeaths, owner)).toHaveLength(1));

  it('is not excused if it is of another replica', () =>
    expect(
      judgePoisons([poison], [post('a', 'S2', 1400)], [...threeDeaths, run('a', 'S2', 1, 950)], owner),
    ).toHaveLength(1));

  it('needs no excuse if it was answered', () =>
    expect(judgePoisons([poison], [post('a', 'S2', 1400, 200)], threeDeaths, owner)).toEqual([]));
});
