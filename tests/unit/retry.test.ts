import { describe, expect, it } from 'vitest';
import { problemReply } from '#shared/contract/problem.ts';
import { mayRetry, retryAfterMs, retryAt } from '#shared/contract/retry.ts';

const job = { redelivery: 'safe', attempts: 3, deadline: 100_000 } as const;
const answer = (status: number, ...headers: string[]) => ({ status, headers, body: Buffer.alloc(0) });

describe('an answer that may change the next time', () => {
  it.each([429, 502, 503, 504])(
    'with status %i is retried after a delay with full jitter whose maximum doubles each time',
    (status) => {
      expect(retryAt(answer(status), job, 1, 0, 0)).toBe(0);
      expect(retryAt(answer(status), job, 1, 0, 0.999)).toBe(500);
      expect(retryAt(answer(status), job, 2, 0, 0.999)).toBe(999);
      const many = { ...job, attempts: 100, deadline: 1e9 };
      expect(retryAt(answer(status), many, 50, 0, 0.999)).toBe(59_940);
    },
  );

  it('is retried after the time in Retry-After if that is longer', () => {
    expect(retryAt(answer(503, 'Retry-After', '7'), job, 1, 0, 0.5)).toBe(7000);
    expect(retryAt(answer(503, 'Retry-After', '0'), job, 1, 0, 0.5)).toBe(250);
  });

  it.each([
    ['no attempts are left', answer(503), job, 3],
    ['no attempts were asked for', answer(503), { ...job, attempts: undefined }, 1],
    ['the request may not be repeated', answer(503), { ...job, redelivery: 'never' }, 1],
    ['the retry would come after the deadline', answer(503, 'retry-after', '101'), job, 1],
    ['the answer says so', answer(503, 'Ringpost-No-Retry', '1'), job, 1],
    ['the status is 500', answer(500), job, 1],
    ['the deadline has passed', problemReply('reply_timeout', ''), job, 1],
  ] as const)('is final if %s', (_, reply, { attempts, ...rest }, attempt) => {
    const given = attempts === undefined ? rest : { ...rest, attempts };
    expect(retryAt(reply, given, attempt, 0, 0)).toBeUndefined();
  });
});

describe('whether an answer could lead to another attempt', () => {
  it.each(['reply_timeout', 'reply_too_large', 'worker_died'] as const)(
    'is no for the problem %s, with which a retry is no use',
    (problem) => {
      expect(mayRetry({ status: 504, problem }, job)).toBe(false);
      expect(retryAt({ ...answer(504), problem }, job, 1, 0, 0)).toBeUndefined();
    },
  );

  it('is yes for another problem, or none', () => {
    expect(mayRetry({ status: 503, problem: 'no_replica' }, job)).toBe(true);
    expect(mayRetry({ status: 503 }, job)).toBe(true);
  });

  it.each([
    ['the status is no passing one', { status: 500 }, job],
    ['one attempt was asked for', { status: 503 }, { ...job, attempts: 1 }],
    ['no attempts were asked for', { status: 503 }, { redelivery: 'safe' }],
    ['the request may not be repeated', { status: 503 }, { ...job, redelivery: 'never' }],
  ] as const)('is no if %s', (_, reply, of) => {
    expect(mayRetry(reply, of)).toBe(false);
  });

  it('is yes if two attempts were asked for', () => {
    expect(mayRetry({ status: 503 }, { redelivery: 'safe', attempts: 2 })).toBe(true);
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 10, 25, 12);
  const day = 86_400_000;

  it.each([
    ['3', 3000],
    [' 3\t', 3000],
    ['0', 0],
    ['007', 7000],
    ['Wed, 25 Nov 2026 12:00:05 GMT', 5000],
    ['Wednesday, 25-Nov-26 12:00:05 GMT', 5000],
    ['Wed Nov 25 12:00:05 2026', 5000],
    ['Wed, 25 Nov 2026 11:00:05 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
  ])('%j means %i ms', (value, ms) => {
    expect(retryAfterMs(value, now)).toBe(ms);
  });

  it.each([
    ['86401'],
    ['2147484'],
    ['4294967296'],
    ['9'.repeat(30)],
    ['9'.repeat(400)],
    ['Fri, 25 Dec 2026 12:00:00 GMT'],
    ['Fri, 31 Dec 9999 23:59:59 GMT'],
  ])('%s means a day, since it is longer', (value) => {
    expect(retryAfterMs(value, now)).toBe(day);
  });

  it.each([
    undefined,
    '',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    '1 2',
    '3, 5',
    'soon',
    'NaN',
    'Infinity',
    '2026-11-25T12:00:05Z',
  ])('%j is ignored', (value) => {
    expect(retryAfterMs(value, now)).toBeUndefined();
  });

  it('of a handler delays the next attempt by at most a day, and never past the deadline', () => {
    const long = { ...job, deadline: now + 2 * day };
    const huge = answer(503, 'retry-after', '9'.repeat(30));
    expect(retryAt(huge, long, 1, now, 0)).toBe(now + day);
    expect(retryAt(huge, { ...job, deadline: now + day }, 1, now, 0)).toBeUndefined();
    expect(retryAt(answer(503, 'retry-after', '-1'), long, 1, now, 0.5)).toBe(now + 250);
  });
});
