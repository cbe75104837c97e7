import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inlineBodyLimit } from '#shared/contract/body.ts';
import { encodeJob, storedBody } from '#shared/contract/job.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { commandFate } from '#shared/store/redis/command-fate.ts';
import { consumerKinds } from '../fixtures/consumers.ts';
import { keysAtRest } from '../fixtures/keys-at-rest.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const log = createLogger('test', 'silent');
/** Lengths at which a body of a request or an answer begins to travel in another way. */
const limits = [0, inlineBodyLimit, 16 * 1024, 64 * 1024, 256 * 1024];

const body = fc
  .tuple(fc.constantFrom(...limits), fc.integer({ min: -2, max: 2 }), fc.constantFrom('text', 'bytes'))
  .map(([limit, more, kind]) => {
    const length = Math.max(0, limit + more);
    return kind === 'bytes' ? randomBytes(length) : Buffer.alloc(length, '{"a":"ä"},\n');
  });

describe.each(consumerKinds)('with the %s consumer', (CONSUMER) => {
  it('a body of any length and content comes back byte for byte, and leaves nothing in Redis', async () => {
    const { url } = await system().start({ REPLICAS: '2', HANDLER: handlerFile('mirror'), CONSUMER });
    const headers: Record<string, string>[] = [
      {},
      { 'ringpost-retry': 'always' },
      { 'ringpost-order': 'key', 'ringpost-key': 'a' },
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 6 }), async (bodies) => {
        const answers = await Promise.all(
          bodies.map(async (each, at) => {
            const init = {
              method: 'POST',
              body: new Uint8Array(each),
              headers: headers[at % headers.length] ?? {},
            };
            const answer = await fetch(`${url}/${at}`, init);
            return [answer.status, Buffer.from(await answer.arrayBuffer())] as const;
          }),
        );
        for (const [at, [status, bytes]] of answers.entries()) {
          expect(status).toBe(200);
          expect(bytes.equals(bodies[at] ?? Buffer.alloc(0))).toBe(true);
        }
      }),
      { numRuns: 25 },
    );
    expect((await keysAtRest(system())).filter((key) => /body/.test(key))).toEqual([]);
  });
});

it('adds no job whose body Redis has refused', async () => {
  const { connection, keys, redis } = system();
  const queues = new JobQueues(connection, log);
  const [id, bytes] = ['3f8a1d6e-0000-4000-8000-000000000001.S1', Buffer.alloc(inlineBodyLimit + 1)];
  const request = { method: 'POST', target: '/', headers: [], body: bytes };
  const job = encodeJob(request, { gateway: '', deadline: 0, redelivery: 'never' });
  // Redis refuses a TTL of 0. The error says why, and not only that the script missed the body.
  await expect(queues.add('S1', id, job, { body: bytes, ttlMs: 0 })).rejects.toThrow('invalid expire time');
  expect(await redis.exists(keys.job('S1', id), keys.unfinished('S1').wait)).toBe(0);
  await queues.add('S1', id, job, { body: bytes, ttlMs: 60_000 });
  expect(await redis.getBuffer(keys.requestBody('S1', id))).toEqual(bytes);
  expect(await redis.lrange(keys.unfinished('S1').wait, 0, -1)).toEqual([id]);
  await queues.close();
});

it('refuses each request whose body Redis has refused, and none that travels with them', async () => {
  const { connection, keys, redis } = system();
  const queues = new JobQueues(connection, log);
  const small = { length: 10, ttlMs: 60_000 };
  const large = { length: inlineBodyLimit + 1, ttlMs: 60_000 };
  // Redis refuses a TTL of 0.
  const refused = { length: inlineBodyLimit + 1, ttlMs: 0 };
  const all = [small, refused, small, large, refused, large, small].map(({ length, ttlMs }, at) => {
    const bytes = Buffer.alloc(length);
    const request = { method: 'POST', target: '/', headers: [], body: bytes };
    const job = encodeJob(request, { gateway: '', deadline: Date.now() + 60_000, redelivery: 'never' });
    const id = `3f8a1d6e-0000-4000-8000-00000000000${at}.S1`;
    return { id, added: queues.add('S1', id, job, storedBody(job) ? { body: bytes, ttlMs } : undefined) };
  });
  const outcomes = (await Promise.allSettled(all.map(({ added }) => added))).map((each) =>
    each.status === 'fulfilled' ? 'added' : commandFate(each.reason),
  );
  expect(outcomes).toEqual(['added', 'refused', 'added', 'added', 'refused', 'added', 'added']);
  const waiting = await redis.lrange(keys.unfinished('S1').wait, 0, -1);
  const ids = all.filter((_, at) => outcomes[at] === 'added').map(({ id }) => id);
  expect(waiting.toSorted()).toEqual(ids);
  await queues.close();
});

it('keeps a waiting request with 1 KB of JSON in at most 2,300 bytes', async () => {
  const { connection, keys, redis } = system();
  const queues = new JobQueues(connection, log);
  const id = '3f8a1d6e-0000-4000-8000-000000000001.S1';
  const json = Buffer.from(JSON.stringify({ text: 'x'.repeat(1013) }));
  expect(json.length).toBe(1024);
  // What a gateway carries of a request of wrk.
  const headers = ['Host', '127.0.0.1', 'Content-Type', 'application/json', 'Content-Length', '1024'];
  headers.push('Via', '1.1 ringpost', 'Forwarded', 'for=127.0.0.1;host="127.0.0.1";proto=http');
  const request = { method: 'POST', target: '/w/1-1', headers, body: json };
  const terms = { gateway: 'gw-1', frames: 2, deadline: Date.now(), redelivery: 'never' } as const;
  await queues.add('S1', id, encodeJob(request, terms));
  const bytes = Number(await redis.memory('USAGE', keys.job('S1', id), 'SAMPLES', 0));
  console.log(`a waiting request with 1 KB of JSON takes ${bytes} bytes`);
  expect(bytes).toBeLessThanOrEqual(2300);
  await queues.close();
});
