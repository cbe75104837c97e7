import { describe, expect, it } from 'vitest';
import { problemReply } from '#shared/contract/problem.ts';
import { retryAfterMs, retryAt } from '#shared/contract/retry.ts';

const job = { redelivery: 'safe', attempts: 3, deadline: 100_000 } as const;
const answer = (status: number, ...headers: string[]) => ({ status, headers, body: Buffer.alloc(0) });

describe('an answer that may be another one the next time', () => {
  it.each([429, 502, 503, 504])(
    '%i is tried again, after a wait with full jitter that may double',
    (status) => {
      expect(retryAt(answer(status), job, 1, 0, 0)).toBe(0);
      expect(retryAt(answer(status), job, 1, 0, 0.999)).toBe(500);
      expect(retryAt(answer(status), job, 2, 0, 0.999)).toBe(999);
      const many = { ...job, attempts: 100, deadline: 1e9 };
      expect(retryAt(answer(status), many, 50, 0, 0.999)).toBe(59_940);
    },
  );

  it('waits for as long as Retry-After says, if that is longer', () => {
    expect(retryAt(answer(503, 'Retry-After', '7'), job, 1, 0, 0.5)).toBe(7000);
    expect(retryAt(answer(503, 'Retry-After', '0'), job, 1, 0, 0.5)).toBe(250);
  });

  it.each([
    ['no attempts are left', answer(503), job, 3],
    ['none were asked for', answer(503), { ...job, attempts: undefined }, 1],
    ['it may not be repeated', answer(503), { ...job, redelivery: 'never' }, 1],
    ['it would come too late', answer(503, 'retry-after', '101'), job, 1],
    ['the answer says so', answer(503, 'Ringpost-No-Retry', '1'), job, 1],
    ['it is another answer', answer(500), job, 1],
    ['its time was over', problemReply('reply_timeout', ''), job, 1],
  ] as const)('stands where %s', (_, reply, { attempts, ...rest }, attempt) => {
    const given = attempts === undefined ? rest : { ...rest, attempts };
    expect(retryAt(reply, given, attempt, 0, 0)).toBeUndefined();
  });
});

it('Retry-After is seconds or an HTTP-date', () => {
  const now = Date.parse('Wed, 25 Nov 2026 12:00:00 GMT');
  expect(retryAfterMs('3', now)).toBe(3000);
  expect(retryAfterMs('Wed, 25 Nov 2026 12:00:05 GMT', now)).toBe(5000);
  expect(retryAfterMs('Wed, 25 Nov 2026 11:00:05 GMT', now)).toBe(0);
  expect(retryAfterMs('soon', now)).toBeUndefined();
  expect(retryAfterMs(undefined, now)).toBeUndefined();
});
