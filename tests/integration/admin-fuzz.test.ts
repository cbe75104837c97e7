import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { call, ringOf } from '../fixtures/admin-calls.ts';
import type { Answer } from '../fixtures/admin-calls.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';

const system = useSystem();
const limits = { REPLICA_DRIVER: 'none', REPLICAS: '0', ADD_TIMEOUT_MS: '3', MAX_REPLICAS: '12' };

const endpoint = fc.constantFrom(['POST', '/add'] as const, ['DELETE', '/rm'] as const);
const oddNumber = fc.oneof(
  fc.integer({ min: -2, max: 14 }),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom('1e400', '-0', '1E2', '00', '0x1', '9007199254740993', '1.0', '+1', '1e-400'),
);
/** Names that are close to one another and to the edges of what is valid. */
const anyName = fc.oneof(
  fc.constantFrom('S1', 'S2', 'S3', 's1', '__proto__', 'constructor', 'toString', 'ring', ''),
  fc.stringMatching(/^[a-zA-Z0-9_.#-]{0,3}$/),
  fc.string({ unit: 'binary', maxLength: 70 }),
);
/** JSON text that is nearly a change: odd numbers, keys that mean something to JavaScript, repeated and deep ones. */
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
  .record({ n: fc.integer({ min: 1, max: 6 }), hostnames: fc.uniqueArray(fc.constantFrom('S1', 'S2', 'a', 'b')) })
  .map((change) => JSON.stringify(change));
const deep = fc
  .tuple(fc.integer({ min: 1, max: 20_000 }), fc.constantFrom('[', '{"n":', '{"hostnames":['))
  .map(([depth, open]) => open.repeat(depth));
const anyBody = fc.oneof(
  { weight: 4, arbitrary: nearlyAChange },
  { weight: 3, arbitrary: validChange },
  { weight: 2, arbitrary: fc.json() },
  { weight: 1, arbitrary: deep },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);
const anyType = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  { weight: 2, arbitrary: fc.constantFrom('application/json;charset=utf-16', 'text/plain', '', 'a/b;c', ';', '/') },
  { weight: 1, arbitrary: fc.stringMatching(/^[\x21-\x7e\xa1-\xff]{1,20}$/) },
);

/** Proves what holds for every answer, whatever was asked. */
async function judge(system: System, method: string, ask: () => Promise<Answer>): Promise<void> {
  const before = await ringOf(system);
  const { status, text } = await ask();
  const after = await ringOf(system);
  const body = JSON.parse(text) as { message: unknown; status: string };
  if (status === 200 || (status === 504 && method === 'POST')) {
    const names = new Set(after.desired.map(({ name }) => name));
    expect(names.size).toBe(after.desired.length);
    expect(after.version).toBe(before.version + 1);
    expect(Math.sign(names.size - before.desired.length)).toBe(method === 'POST' ? 1 : -1);
    return;
  }
  expect([400, 413, 415]).toContain(status);
  expect(text).toBe(JSON.stringify({ message: body.message, status: 'failure' }));
  expect(body.message).toMatch(/^<Error> ./);
  expect(after).toEqual({ ...before, retired: after.retired });
}

it('answers no body and no content type with a 5xx, and never changes the ring with a refusal', async () => {
  const { url } = await system().start(limits);
  expect.hasAssertions();
  await fc.assert(
    fc.asyncProperty(endpoint, anyType, anyBody, ([method, path], type, body) =>
      judge(system(), method, () =>
        call(method, url + path, {
          headers: { 'content-type': Buffer.from(type, 'latin1').toString('latin1') },
          body,
        }),
      ),
    ),
    { numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
  );
});

it('keeps the ring and the answers in step over any sequence of changes', async () => {
  const { url } = await system().start(limits);
  expect.hasAssertions();
  const steps = fc.array(fc.tuple(endpoint, validChange), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      for (const [[method, path], body] of sequence) {
        const headers = { 'content-type': 'application/json' };
        await judge(system(), method, () => call(method, url + path, { headers, body }));
      }
      const { desired, joined } = await ringOf(system());
      expect(desired.length).toBeLessThanOrEqual(12);
      expect(Math.max(0, ...desired.map((member) => member.joined))).toBeLessThanOrEqual(joined);
    }),
    { numRuns: 25, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
  );
});
