import { describe, expect, it } from 'vitest';
import {
  aboutSlowest,
  cleanKills,
  killKind,
  maxAloneMs,
  slowestDuring,
  withoutDelayed,
} from '../chaos/clean-kills.ts';
import type { RequestRecord } from '../chaos/record.ts';

const kill = (at: number, replica = 'S1') => ({ kind: killKind, detail: replica, replica, at });
/** The spans in which all is well: always, except for the second after each of these times. */
const wellExceptAfter = (...times: readonly number[]) => {
  const ends = [...times, Number.POSITIVE_INFINITY];
  return ends.map((to, at) => ({ from: at === 0 ? 0 : (ends[at - 1] ?? 0) + 1000, to }));
};

describe('the bound for a worker that is killed', () => {
  it('is two seconds if its replica had no death shortly before', () =>
    expect(cleanKills([kill(50_000)], wellExceptAfter(50_000), [])).toEqual([
      { calmSince: 0, at: 50_000, over: 51_000, nextAt: Infinity, detail: 'S1', maxMs: maxAloneMs },
    ]));

  it.each([
    ['a kill', [kill(45_000)], []],
    ['a poison request', [], [{ replica: 'S1', at: 45_000 }]],
  ])('is longer by the time that suspects run alone soon after %s of its replica', (_, kills, deaths) => {
    const found = cleanKills([...kills, kill(50_000)], wellExceptAfter(45_000, 50_000), deaths);
    expect(found.at(-1)).toMatchObject({ at: 50_000, maxMs: maxAloneMs + 5000 + 1000 });
  });

  it('is not longer because of deaths of other replicas or long ago', () => {
    const deaths = [
      { replica: 'S2', at: 49_000 },
      { replica: 'S1', at: 1000 },
    ];
    expect(cleanKills([kill(50_000)], wellExceptAfter(50_000), deaths)).toMatchObject([
      { maxMs: maxAloneMs },
    ]);
  });
});

describe('a kill', () => {
  it('is not judged if something else was wrong at the time', () =>
    expect(cleanKills([kill(50_000)], [{ from: 0, to: 40_000 }], [])).toEqual([]));

  it('is not judged if the next fault came before the system had recovered', () =>
    expect(cleanKills([kill(50_000), kill(50_500, 'S2')], wellExceptAfter(50_000), [])).toEqual([]));

  it('is judged by the slowest request that was under way, or sent before recovery', () => {
    const request = (sent: number, ended: number): RequestRecord => ({
      id: `from ${sent}`,
      method: 'GET',
      key: 'k',
      attempts: [{ target: 0, sent, ended, result: { kind: 'silence' } }],
    });
    const [found] = cleanKills([kill(50_000)], wellExceptAfter(50_000), []);
    if (found === undefined) throw new Error('the kill was not judged');
    const records = [
      request(49_000, 49_900),
      request(49_500, 50_300),
      request(50_900, 51_900),
      request(51_100, 59_000),
    ];
    expect(slowestDuring(records, found)).toBe(1000);
    const run = { method: 'GET', replica: 'S1', attempt: 1, pid: 1, nonce: '' };
    const ledger = [
      { ...run, id: 'from 50900', at: 51_700 },
      { ...run, id: 'from 49000', at: 49_001 },
    ];
    expect(aboutSlowest(records, ledger, found)).toBe(
      'GET from 50900: sent at 900, run at S1 1700, ended at 1900',
    );
  });

  it('is not judged by requests of a hot key that a later fault has delayed', () => {
    const record = (id: string, key: string, ended: number): RequestRecord => {
      const attempts = [{ target: 0, sent: 50_000, ended, result: { kind: 'silence' } as const }];
      return { id, method: 'GET', key, attempts };
    };
    const hot = Array.from({ length: 20 }, (_, at) => record(`hot-${at}`, 'hot', 51_000));
    const records = [...hot, record('late', 'hot', 59_000), record('other', 'key', 59_000)];
    const judged = withoutDelayed(records, { nextAt: 52_000 });
    expect(judged).toHaveLength(21);
    expect(judged.map(({ id }) => id)).not.toContain('late');
  });

  it('is not judged by the time in which a request was refused for its rate', () => {
    const [found] = cleanKills([kill(50_000)], wellExceptAfter(50_000), []);
    if (found === undefined) throw new Error('the kill was not judged');
    const answer = (status: number) =>
      ({
        kind: 'answer',
        status,
        code: undefined,
        id: undefined,
        nonce: undefined,
        replica: undefined,
        retryAfter: undefined,
      }) as const;
    const attempts = [
      { target: 0, sent: 46_000, ended: 46_010, result: answer(503) },
      { target: 0, sent: 46_200, ended: 46_210, result: answer(429) },
      { target: 0, sent: 50_100, ended: 50_110, result: answer(503) },
      { target: 0, sent: 50_200, ended: 50_800, result: answer(200) },
    ];
    expect(slowestDuring([{ id: 'a', method: 'GET', key: 'k', attempts }], found)).toBe(700);
  });
});
