import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { call, ringOf } from '../fixtures/admin-calls.ts';
import type { Answer } from '../fixtures/admin-calls.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';

const current = useSystem();
const limits = { REPLICA_DRIVER: 'none', REPLICAS: '0', ADD_TIMEOUT_MS: '3', MAX_REPLICAS: '12' };

const endpoint = fc.constantFrom(['POST', '/add'] as const, ['DELETE', '/rm'] as const);
const oddNumber = fc.oneof(
  fc.integer({ min: -2, max: 14 }),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom('1e400', '-0', '1E2', '00', '0x1', '9007199254740993', '1.0', '+1', '1e-400'),
);
/** Names that are similar to each other, or only just valid or invalid. */
const anyName = fc.oneof(
  fc.constantFrom('S1', 'S2', 'S3', 's1', '__proto__', 'constructor', 'toString', 'ring', ''),
  fc.stringMatching(/^[a-zA-Z0-9_.#-]{0,3}$/),
  fc.string({ unit: 'binary', maxLength: 70 }),
);
/** JSON text that is almost a change: odd numbers, repeated or nested keys, keys special to JavaScript. */
const nearlyAChange = fc
  .record({
    n: oddNumber.map(String),
    hostnames: fc.oneof(
      { weight: 4, arbitrary: fc.array(anyName, { maxLength: 6 }) },
      { weight: 1, arbitrary: fc.jsonValue() },
    ),
    more: fc.array(
      fc.tuple(
        fc.constantFrom('__proto__', 'constructor', 'n', 'hostnames', 'length', 'toJSON', ''),
        fc.jsonValue({ maxDepth: 2 }),
      ),
      { maxLength: 2 },
    ),
  })
  .map(({ n, hostnames, more }) => {
    const own = [`"n":${n}`, `"hostnames":${JSON.stringify(hostnames)}`];
    return `{${[...own, ...more.map(([key, value]) => `"${key}":${JSON.stringify(value)}`)].join(',')}}`;
  });
const validChange = fc
  .record({
    n: fc.integer({ min: 1, max: 3 }),
    hostnames: fc.subarray(['S1', 'S2', 'a', 'b'], { maxLength: 1 }),
  })
  .map((change) => JSON.stringify(change));
const deep = fc
  .tuple(fc.integer({ min: 1, max: 20_000 }), fc.constantFrom('[', '{"n":', '{"hostnames":['))
  .map(([depth, open]) => open.repeat(depth));
const anyBody = fc.oneof(
  { weight: 4, arbitrary: nearlyAChange },
  { weight: 5, arbitrary: validChange },
  { weight: 2, arbitrary: fc.json() },
  { weight: 1, arbitrary: deep },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);
const anyType = fc.oneof(
  { weight: 12, arbitrary: fc.constant('application/json') },
  {
    weight: 2,
    arbitrary: fc.constantFrom('application/json;charset=utf-16', 'text/plain', '', 'a/b;c', ';', '/'),
  },
  { weight: 1, arbitrary: fc.stringMatching(/^[\x21-\x7e\xa1-\xff]{1,20}$/) },
);

/** Checks what holds for every answer. @returns whether the change was made. */
async function judge(system: System, method: string, ask: () => Promise<Answer>): Promise<boolean> {
  const before = await ringOf(system);
  const { status, text } = await ask();
  const after = await ringOf(system);
  const body = JSON.parse(text) as { message: unknown; status: string };
  if (status === 200 || (status === 504 && method === 'POST')) {
    const names = new Set(after.desired.map(({ name }) => name));
    assert.equal(names.size, after.desired.length);
    assert.equal(after.version, before.version + 1);
    assert.equal(Math.sign(names.size - before.desired.length), method === 'POST' ? 1 : -1);
    return true;
  }
  assert([400, 413, 415].includes(status), `${status}: ${text}`);
  assert.equal(text, JSON.stringify({ message: body.message, status: 'failure' }));
  assert.match(String(body.message), /^<Error> ./);
  // The controller removes drained replicas at any time.
  assert.deepEqual(after, { ...before, retired: after.retired });
  return false;
}

it('never answers 5xx to any body or content type, and never changes the ring when it refuses', async () => {
  const { url } = await current().start(limits);
  const made = { true: 0, false: 0 };
  await fc.assert(
    fc.asyncProperty(endpoint, anyType, anyBody, async ([method, path], type, body) => {
      const headers = { 'content-type': type };
      made[`${await judge(current(), method, () => call(method, url + path, { headers, body }))}`] += 1;
    }),
    { numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
  );
  // The generated calls must reach both outcomes, or the test proves nothing.
  expect(made.true).toBeGreaterThan(10);
  expect(made.false).toBeGreaterThan(100);
});

it('keeps the ring and the answers consistent over any sequence of changes', async () => {
  const { url } = await current().start(limits);
  let longest = 0;
  const steps = fc.array(fc.tuple(endpoint, validChange), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      for (const [[method, path], body] of sequence) {
        const headers = { 'content-type': 'application/json' };
        await judge(current(), method, () => call(method, url + path, { headers, body }));
      }
      const { desired, joined } = await ringOf(current());
      longest = Math.max(longest, desired.length);
      assert(desired.every((member) => member.joined <= joined));
    }),
    { numRuns: 30, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
  );
  expect(longest).toBeGreaterThan(3);
  expect(longest).toBeLessThanOrEqual(12);
});
