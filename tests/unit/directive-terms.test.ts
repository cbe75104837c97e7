import { describe, expect, it } from 'vitest';
import {
  delayFault,
  directivesOf,
  jobTerms,
  keyLimitOf,
  limitLineOf,
  lineOf,
} from '../../gateway/request/directives.ts';

const now = Date.UTC(2026, 10, 25, 12);

/** @returns the message of the problem of a field. */
function refusal(...headers: string[]): string {
  try {
    return JSON.stringify(directivesOf(headers, now));
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
}

describe('a directive', () => {
  it('that is not given is not there', () => {
    expect(directivesOf(['Ringpost-Order', 'key'], now)).toStrictEqual({ ordered: true });
    expect(directivesOf(['Ringpost-Retry', 'never'], now)).toStrictEqual({});
    expect(directivesOf(['X-Ringpost-Attempts', '3', 'Ringpost-Attempts', '4'], now)).toStrictEqual({
      maxAttempts: 4,
    });
  });

  it.each([
    ['Ringpost-Attempts', '1', { maxAttempts: 1 }],
    ['Ringpost-Attempts', '100', { maxAttempts: 100 }],
    ['Ringpost-Deadline', '1', { deadlineMs: 1 }],
    ['Ringpost-Deadline', '2147483647', { deadlineMs: 2_147_483_647 }],
    ['Ringpost-Key-Concurrency', '1', { keyConcurrency: 1 }],
    ['Ringpost-Key-Concurrency', '100000', { keyConcurrency: 100_000 }],
    ['Ringpost-Priority', '1', { priority: 1 }],
    ['Ringpost-Delay', '2592000', { notBefore: now + 2_592_000_000 }],
    ['Ringpost-Callback', ' https://a ', { callbacks: { url: 'https://a' } }],
    ['Ringpost-Failure-Callback', ' https://b ', { callbacks: { failureUrl: 'https://b' } }],
  ])('has a limit: %s: %s', (name, value, expected) => {
    expect(directivesOf([name, value], now)).toStrictEqual(expected);
  });

  it.each([
    ['Ringpost-Key-Concurrency', '100001', 'a whole number from 1 to 100000'],
    ['Ringpost-Deadline', '2147483648', 'a whole number from 1 to 2147483647'],
    ['Ringpost-Keep', 'all', '`stream`'],
    ['Ringpost-Affinity', 'odd', '`strict` or `loose`'],
  ])('beyond it is refused: %s: %s', (name, value, right) => {
    expect(refusal(name, value)).toBe(`request_malformed: ${name} is "${value}"; it must be ${right}.`);
  });

  it.each(['ringpost-key', 'ringpost-retry', 'Ringpost-Key-Rate', 'ringpost-key-concurrency'])(
    'may be given once: %s',
    (name) => {
      expect(refusal(name, '1/s', name, '1/s')).toBe(
        `request_malformed: There are two ${name} fields; there may be one.`,
      );
    },
  );

  it('that nobody knows may be given twice, and has a limited size', () => {
    expect(refusal('ringpost-other', '1', 'ringpost-other', '1')).toBe('{}');
    expect(refusal('ringpost-other', 'x'.repeat(100_000))).toMatch(/^\w+: .*ringpost-other/);
    expect(refusal('other', 'x'.repeat(100_000))).toBe('{}');
  });
});

it('a delay that leaves no time says when it ends and what to do', () => {
  const fault = delayFault({ notBefore: now }, now);
  expect(fault?.message).toBe(
    'Ringpost-Delay ends at 2026-11-25T12:00:00.000Z, and the request has to be done by ' +
      '2026-11-25T12:00:00.000Z; shorten it, or send an async request (Prefer: respond-async) ' +
      'with a later deadline.',
  );
  expect(fault?.code).toBe('request_malformed');
  expect(delayFault({ notBefore: now - 1 }, now)).toBeUndefined();
  expect(delayFault({}, 1)).toBeUndefined();
});

describe('the terms of a job', () => {
  it('are those that were given', () => {
    expect(jobTerms({}, 'k', undefined)).toStrictEqual({});
    expect(
      jobTerms(
        {
          maxAttempts: 3,
          notBefore: 5,
          priority: 2,
          ordered: true,
          orderOnRetry: 'pass',
          callbacks: { url: 'https://a' },
        },
        'k',
        7,
      ),
    ).toStrictEqual({
      attempts: 3,
      notBefore: 5,
      priority: 2,
      order: lineOf('k'),
      orderOnRetry: 'pass',
      callback: true,
    });
  });

  it('have the default number of attempts', () => {
    expect(jobTerms({}, 'k', 7)).toStrictEqual({ attempts: 7 });
  });
});

describe('the line of a hash key', () => {
  it('is the beginning of its digest, which all versions know', () => {
    expect(lineOf('k')).toBe('glTDKakoUPbVOd03b0gW7i');
    expect(limitLineOf('k')).toBe('limit-glTDKakoUPbVOd03b0gW7i');
  });
});

describe('how many requests of a key run', () => {
  const limit = (keyConcurrency: number | undefined, most: number | undefined, more = {}) =>
    keyLimitOf(
      {
        key: 'k',
        hasRandomKey: false,
        directives: keyConcurrency === undefined ? {} : { keyConcurrency },
        ...more,
      },
      most,
    );
  const keyLine = limitLineOf('k');

  it('is limited by the request, at most to the setting, or by the setting', () => {
    expect(limit(undefined, undefined)).toStrictEqual({});
    expect(limit(2, undefined)).toStrictEqual({ keyLine, keyLimit: 2 });
    expect(limit(undefined, 5)).toStrictEqual({ keyLine, keyLimit: 5 });
    expect(limit(5, 5)).toStrictEqual({ keyLine, keyLimit: 5 });
    expect(limit(9, 5)).toStrictEqual({ keyLine, keyLimit: 5 });
    expect(limit(2, 5)).toStrictEqual({ keyLine, keyLimit: 2, keyMost: 5 });
  });

  it('is not limited without a key, or with a random one', () => {
    expect(limit(2, 5, { key: undefined })).toStrictEqual({});
    expect(limit(2, 5, { hasRandomKey: true })).toStrictEqual({});
  });
});
