import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { openAdmin } from '../fixtures/several-servers.ts';

const scratch = useScratch();
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const rounds = 200;

it(
  'Redis has no more keys and no more memory than before once all TTLs have passed',
  { timeout: 180_000 },
  async () => {
    const receiver = await callbackReceiver(secret);
    const { startReady } = await scratch();
    const { url, redisUrl } = await startReady({
      HANDLER: handlerFile('flaky'),
      RESULT_TTL_S: '1',
      IDEMPOTENCY_TTL_S: '1',
      FAILED_TTL_S: '1',
      ASYNC_TIMEOUT_MS: '5000',
      CALLBACK_SECRET: secret,
      CALLBACK_ALLOW: '127.0.0.1',
    });
    const redis = openAdmin(redisUrl);
    /** Sends one request of each kind that leaves something in Redis. */
    const one = async (at: number): Promise<void> => {
      const send = async (
        path: string,
        headers: Record<string, string>,
        init: RequestInit = {},
      ): Promise<Response> => {
        const response = await fetch(`${url}${path}`, { ...init, headers });
        await response.arrayBuffer();
        return response;
      };
      const async = { prefer: 'respond-async' };
      await Promise.all([
        send('/x', {}),
        send('/x', async),
        send('/x', { ...async, 'ringpost-callback': receiver.url }),
        send('/x?fail=9&status=500', { ...async, 'ringpost-callback': receiver.url }),
        send('/x', { 'idempotency-key': `k${at}` }, { method: 'POST', body: 'b' }),
        send('/x', { ...async, 'ringpost-order': 'key', 'ringpost-key': `o${at}` }),
        send('/x', { ...async, 'ringpost-delay': '1', 'ringpost-priority': '5' }),
        send('/x?fail=1', { ...async, 'ringpost-attempts': '2' }),
        send('/x', async, { method: 'PUT', body: Buffer.alloc(70_000, at % 256) }),
        send('/x?ms=200', { ...async, 'ringpost-deadline': '50' }),
        send('/x?ms=300', { 'ringpost-deadline': '20' }),
        send('/x', { ...async, 'ringpost-delay': '3' }).then((response) =>
          send(response.headers.get('location') ?? '', {}, { method: 'DELETE' }),
        ),
      ]);
    };
    const footprint = async (): Promise<{ readonly keys: string[]; readonly bytes: number }> => {
      // The lines of ordered requests and the index of records last a minute longer; all else goes sooner.
      const lasting = /:wake:|:line:|:stalled-check$|:requests:[a-z-]+$|:replicas:indexed$/;
      const keys = (await redis.keys('*')).filter((key) => !lasting.test(key));
      const sizes = await Promise.all(keys.map((key) => redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0')));
      return { keys: keys.toSorted(), bytes: sizes.reduce<number>((sum, size) => sum + Number(size), 0) };
    };
    try {
      const run = async (from: number): Promise<void> => {
        for (let at = from; at < from + rounds; at += 10) {
          await Promise.all(Array.from({ length: 10 }, (_, more) => one(at + more)));
        }
      };
      // The first run fills what is bounded: event streams, scripts, and what the allocator keeps.
      await run(0);
      await delay(12_000);
      const before = await footprint();
      await run(rounds);
      const during = await footprint();
      await expect
        .poll(async () => (await footprint()).keys, { timeout: 40_000, interval: 500 })
        .toEqual(before.keys);
      const after = await footprint();
      const lines = await redis.keys('*:line:*');
      console.log(
        `${rounds * 12} requests: ${before.keys.length} keys and ${before.bytes} bytes before, ` +
          `${during.keys.length} and ${during.bytes} during, ${after.keys.length} and ${after.bytes} after`,
      );
      for (const line of lines) expect(await redis.pttl(line), line).toBeGreaterThan(0);
      expect(after.bytes - before.bytes).toBeLessThan(16 * 1024);
      expect(receiver.received.length).toBeGreaterThanOrEqual(4 * rounds);
    } finally {
      redis.disconnect();
    }
  },
);
