import { describe, expect, it } from 'vitest';
import { parseJob } from '#shared/contract/job.ts';
import { encodeRetryNotice, isReselection, parseRetryNotice } from '#shared/contract/retry-notice.ts';
import type { RetryNotice } from '#shared/contract/retry-notice.ts';
import { reselectionTerms, withoutReselection } from '../../gateway/dispatch/reselection.ts';

const notice: RetryNotice = {
  id: 'a.S1',
  replica: 'S1',
  gateway: 'g',
  due: 5,
  deadline: 9,
  key: 'k "\u2028',
  affinity: 'loose',
};

describe('a notice of a retry', () => {
  it('is read as it was written', () => {
    expect(parseRetryNotice(encodeRetryNotice(notice))).toEqual(notice);
  });

  it.each([
    ['no JSON', 'x'],
    ['of another version', JSON.stringify({ ...notice, version: 2 })],
    ...Object.keys(notice).map((name) => [
      `without ${name}`,
      JSON.stringify({ version: 1, ...notice, [name]: undefined }),
    ]),
    ['due at no time', JSON.stringify({ version: 1, ...notice, due: -1 })],
    ['with an affinity that nobody knows', JSON.stringify({ version: 1, ...notice, affinity: 'odd' })],
  ])('is ignored: %s', (_, text) => {
    expect(parseRetryNotice(text)).toBeUndefined();
  });
});

it.each(['strict', 'loose', 'random'])('a replica can be selected anew with the affinity %s', (affinity) => {
  expect(isReselection({ key: 'k', affinity })).toBe(true);
});

it.each([
  undefined,
  null,
  'k',
  [],
  {},
  { key: 1, affinity: 'loose' },
  { key: 'k' },
  { key: 'k', affinity: '' },
])('no replica can be selected anew by %j', (value) => {
  expect(isReselection(value)).toBe(false);
});

describe('a job says how its replica is selected anew', () => {
  const asked = { key: 'k', affinity: 'loose', redelivery: 'safe' } as const;
  const terms = { reselect: { key: 'k', affinity: 'loose' } } as const;

  it('if it may have several attempts and is not in order', () => {
    expect(reselectionTerms(asked, { maxAttempts: 2 }, undefined)).toEqual(terms);
    expect(reselectionTerms(asked, {}, 3)).toEqual(terms);
    expect(reselectionTerms(asked, {}, undefined)).toEqual({});
    expect(reselectionTerms(asked, { maxAttempts: 1 }, 3)).toEqual({});
    expect(reselectionTerms(asked, { maxAttempts: 2, ordered: true }, undefined)).toEqual({});
    expect(reselectionTerms({ ...asked, redelivery: 'never' }, { maxAttempts: 2 }, undefined)).toEqual({});
    expect(reselectionTerms({ ...asked, key: 'k'.repeat(1025) }, { maxAttempts: 2 }, undefined)).toEqual({});
  });

  it('until a worker died while it ran it', () => {
    const job = {
      method: 'GET',
      target: '/',
      headers: [],
      gateway: 'g',
      deadline: 1,
      redelivery: 'safe',
    } as const;
    expect(withoutReselection({ ...job, ...terms })).toEqual(job);
    expect(parseJob(JSON.stringify({ ...job, ...terms }))).toEqual({ ...job, ...terms });
    expect(parseJob(JSON.stringify({ ...job, reselect: { key: 1 } }))).toBeUndefined();
  });
});
