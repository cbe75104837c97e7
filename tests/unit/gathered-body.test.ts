import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { GatheredBody, tooLargeReply } from '../../worker/handlers/gathered-body.ts';
import { ReplyBudget, uncountedBytes } from '../../worker/handlers/reply-budget.ts';

const never = (): void => {
  throw new Error('it must not wait');
};

it('a body has all bytes in order, whatever the chunks, with or without an announced length', () => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 70_000 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(sizes, fc.integer({ min: -10, max: 10 }), fc.boolean(), (lengths, off, announced) => {
      const chunks = lengths.map((length, at) => Buffer.alloc(length, at + 1));
      const all = Buffer.concat(chunks);
      const budget = new ReplyBudget(8 * 1024 * 1024);
      const gathered = new GatheredBody(budget, 'r-1');
      if (announced) expect(gathered.expect(Math.max(0, all.length + off), never)).toBe(true);
      for (const chunk of chunks) {
        expect(gathered.add(chunk)).toBe(true);
        expect(gathered.mayGrow(never)).toBe(true);
      }
      expect(gathered.whole().equals(all)).toBe(true);
    }),
  );
});

it('a body is refused at the first byte over the limit', () => {
  const budget = new ReplyBudget(100_000);
  const gathered = new GatheredBody(budget, 'r-1');
  expect(gathered.add(new Uint8Array(100_000))).toBe(true);
  expect(gathered.add(new Uint8Array(1))).toBe(false);
  expect(tooLargeReply(100_000)).toMatchObject({ status: 502, problem: 'reply_too_large' });
  expect(String(tooLargeReply(100_000).body)).toContain('100000 bytes (REPLY_LIMIT_BYTES)');
});

it('a small body uses none of the budget', () => {
  const budget = new ReplyBudget(100_000);
  const gathered = new GatheredBody(budget, 'r-1');
  gathered.add(new Uint8Array(uncountedBytes - 1));
  expect(gathered.mayGrow(never)).toBe(true);
  expect(budget.heldBytes).toBe(0);
  gathered.add(new Uint8Array(1));
  expect(gathered.mayGrow(never)).toBe(true);
  expect(budget.heldBytes).toBe(100_000);
});

it('a body of many one-byte chunks takes little more memory than its bytes', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void; // what the flag adds
  const gathered = new GatheredBody(new ReplyBudget(8 * 1024 * 1024), 'r-1');
  collect();
  const before = process.memoryUsage();
  for (let each = 0; each < 300_000; each += 1) gathered.add(Buffer.from([each & 0xff]));
  collect();
  const after = process.memoryUsage();
  const body = gathered.whole();
  expect([body.length, body[299_999]]).toEqual([300_000, 299_999 & 0xff]);
  // One object per chunk would take 30 MB.
  expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(5_000_000);
});
