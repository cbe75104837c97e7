import { describe, expect, it } from 'vitest';
import {
  decideOnHeld,
  decideOnTaken,
  isRepeatable,
  redeliveryOf,
  retriesAlways,
} from '#shared/contract/redelivery.ts';

describe('a request may run again', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])('if its method is %s', (method) => {
    expect(redeliveryOf(method, [])).toBe('safe');
  });

  it.each(['POST', 'PATCH', 'CONNECT', 'get', ''])('but not if its method is %j', (method) => {
    expect(redeliveryOf(method, [])).toBe('never');
  });

  it('if it has an Idempotency-Key', () => {
    expect(redeliveryOf('POST', ['Idempotency-Key', 'k'])).toBe('safe');
    expect(redeliveryOf('POST', ['Idempotency', 'k'])).toBe('never');
  });

  it.each([
    ['POST', 'always', 'safe'],
    ['POST', ' Always ', 'safe'],
    ['GET', 'never', 'never'],
    ['GET', '', undefined],
    ['GET', 'sometimes', undefined],
  ] as const)('as Ringpost-Retry says, which decides first: %s, %j', (method, value, expected) => {
    expect(redeliveryOf(method, ['Ringpost-Retry', value])).toBe(expected);
  });

  it('by its own word only with always', () => {
    expect(retriesAlways(['ringpost-retry', ' ALWAYS'])).toBe(true);
    expect(retriesAlways(['ringpost-retry', 'never'])).toBe(false);
    expect(retriesAlways([])).toBe(false);
  });
});

it('only a safe job is repeatable', () => {
  expect([isRepeatable({ redelivery: 'safe' }), isRepeatable({ redelivery: 'never' })]).toEqual([
    true,
    false,
  ]);
});

it.each([
  ['never', 1, false, 9, 'run'],
  ['never', 2, false, 9, 'unknown'],
  ['never', 1, true, 9, 'unknown'],
  ['never', 2, false, 11, 'unknown'],
  ['safe', 2, true, 9, 'run'],
  ['safe', 1, false, 10, 'drop'],
  ['never', 1, false, 11, 'drop'],
] as const)(
  'a %s job that was taken %i times (finished: %j) and is due at 10 is at %i: %s',
  (redelivery, timesTaken, finished, now, expected) => {
    expect(decideOnTaken({ redelivery, timesTaken, deadline: 10, finished }, now)).toBe(expected);
  },
);

it.each([
  ['never', 0, 'again'],
  ['never', 1, 'unknown'],
  ['safe', 0, 'again'],
  ['safe', 1, 'again'],
] as const)(
  'a %s job whose worker died, and that was started %i times, is %s',
  (redelivery, starts, expected) => {
    expect(decideOnHeld({ redelivery }, starts)).toBe(expected);
  },
);
