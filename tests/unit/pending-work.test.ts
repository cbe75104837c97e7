import { expect, it } from 'vitest';
import { describePendingWork } from '../../gateway/http/pending-work.ts';

const nothing = { requests: [], calls: 0, uploads: 0, readers: 0 };

it.each([
  [nothing, [], undefined],
  [undefined, [], undefined],
  [{ ...nothing, requests: ['a'] }, [], '1 request (a)'],
  [
    { ...nothing, requests: ['a', 'b'], uploads: 1, readers: 3 },
    [],
    '2 requests (a b), 1 upload, 3 clients that read slowly',
  ],
  [{ ...nothing, calls: 2, readers: 1 }, [], '2 calls, 1 client that reads slowly'],
  [{ ...nothing, requests: ['1', '2', '3', '4', '5', '6'] }, [], '6 requests (1 2 3 4 5 …)'],
  [{ ...nothing, requests: ['a'] }, ['a', 'b'], '1 request (a), workers that run 1 request (b)'],
  [undefined, ['b'], 'workers that run 1 request (b)'],
])('describes what a stop waits for: %j, workers %j', (work, running, words) => {
  expect(describePendingWork(work, running)).toBe(words);
});
