import { expect, it } from 'vitest';
import type { LedgerLine } from '../chaos/ledger.ts';
import { judgeIsland } from '../chaos/partition/window.ts';
import type { Attempt, RequestRecord } from '../chaos/record.ts';

const parting = { from: 10_000, parted: 10_000, replaced: 12_000, to: 20_000 };
const islander = 1;
const mainlander = 2;

const run = (id: string, pid: number, at: number, replica = 'S1'): LedgerLine => ({
  id,
  method: 'POST',
  replica,
  attempt: 1,
  pid,
  at,
  nonce: `${id} ${at}`,
});

function post(id: string, codes: readonly (string | undefined)[] = [undefined]): RequestRecord {
  const attempts = codes.map((code): Attempt => ({
    target: 0,
    sent: 9000,
    ended: 13_000,
    result: {
      kind: 'answer',
      status: code === undefined ? 200 : 503,
      code,
      id,
      nonce: undefined,
      replica: 'S1',
      retryAfter: undefined,
    },
  }));
  return { id, method: 'POST', key: 'k', attempts };
}

/** The island's worker has run before. */
const before = run('before', islander, 5000);
const judge = (records: readonly RequestRecord[], ...lines: readonly LedgerLine[]) =>
  judgeIsland(records, [before, ...lines], parting);
const ids = (findings: readonly { id: string }[]): string[] => findings.map(({ id }) => id);

it('a POST that began on the island after the parting may run again on the mainland', () => {
  const judged = judge([post('a')], run('a', islander, 11_000), run('a', mainlander, 14_000));
  expect([ids(judged.inWindow), ids(judged.outside)]).toEqual([['a'], []]);
  expect(judged.lastBegunMs).toBe(1000);
  expect(judged.overlapping).toEqual([]);
});

it('no other POST may run twice', () => {
  const earlier = judge([post('a')], run('a', islander, 9000), run('a', mainlander, 14_000));
  const oneSide = judge([post('a')], run('a', islander, 11_000), run('a', islander, 11_500));
  const other = judge([post('a')], run('a', mainlander, 14_000), run('a', mainlander, 15_000));
  const thrice = judge([post('a')], ...[11_000, 11_500, 14_000].map((at, n) => run('a', n < 2 ? 1 : 2, at)));
  const refused = judge(
    [post('a', ['redis_away', undefined])],
    run('a', islander, 11_000),
    run('a', mainlander, 14_000),
  );
  for (const judged of [earlier, oneSide, other, thrice, refused]) {
    expect([ids(judged.inWindow), ids(judged.outside)]).toEqual([[], ['a']]);
  }
});

it('the island may begin nothing once the mainland has begun a request of the same replica', () => {
  const lines = [run('m', mainlander, 14_000), run('a', islander, 14_500), run('b', islander, 14_500, 'S2')];
  const { overlapping, lastBegunMs } = judge([], ...lines);
  expect(ids(overlapping)).toEqual(['a']);
  expect(lastBegunMs).toBe(4500);
});
