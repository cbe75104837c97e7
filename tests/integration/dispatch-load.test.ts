import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { keysAtRest } from '../fixtures/keys-at-rest.ts';
import { ask } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

/** The part of autocannon used here; the package has no types. */
type Autocannon = (options: {
  readonly url: string;
  readonly amount: number;
  readonly connections: number;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}) => PromiseLike<{
  readonly statusCodeStats: Readonly<Record<string, { readonly count: number }>>;
  readonly errors: number;
  readonly timeouts: number;
  readonly resets: number;
}>;

const autocannon = createRequire(import.meta.url)('autocannon') as Autocannon; // see the type
const system = useSystem();

/** @returns the number of answered requests by status, as the gateway counts them. */
async function counted(url: string): Promise<Map<string, number>> {
  const { body } = await ask(url, { target: '/-/metrics' });
  const counts = new Map<string, number>();
  for (const [, result = '', count] of body
    .toString()
    .matchAll(/^ringpost_requests_total\{code="(\d+)",reason="-",mode="wait"\} (\d+)$/gm)) {
    counts.set(result, Number(count));
  }
  return counts;
}

describe('3,000 requests at 64 connections over three replicas', () => {
  it('get 3,000 answers with 200, are counted so, and leave nothing in Redis', async () => {
    const { url, gateway } = await system().start({ QUEUE_EVENTS: 'on' });
    const before = await keysAtRest(system());
    const result = await autocannon({ url: `${url}/home`, amount: 3000, connections: 64 });
    expect(result).toMatchObject({ errors: 0, timeouts: 0, resets: 0 });
    expect(result.statusCodeStats).toEqual({ 200: { count: 3000 } });
    expect(await counted(url)).toEqual(new Map([['200', 3000]]));
    expect([gateway.dispatcher.waitingCount, gateway.dispatcher.unclaimedCount]).toEqual([0, 0]);
    await expectNoGrowth(before);
  });

  it('reach the upstream once each, also with bodies in separate keys', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ UPSTREAM: upstream.url });
    const before = await keysAtRest(system());
    const small = autocannon({
      url: `${url}/small`,
      amount: 2500,
      connections: 56,
      method: 'POST',
      body: 'x',
    });
    const body = 'é'.repeat(40_000);
    const large = autocannon({ url: `${url}/large`, amount: 500, connections: 8, method: 'POST', body });
    for (const { statusCodeStats, errors } of await Promise.all([small, large])) {
      expect([Object.keys(statusCodeStats), errors]).toEqual([['200'], 0]);
    }
    const length = Buffer.byteLength(body);
    expect(upstream.got).toHaveLength(3000);
    expect(upstream.got.filter((got) => got.url === '/large' && got.body.length === length)).toHaveLength(
      500,
    );
    await expectNoGrowth(before);
  });
});

/** The keys that the first job of a queue creates: of a fixed size, and without a TTL. */
const ofQueues = /:\{S[123]\}:(meta|events|id|marker)$/;

async function expectNoGrowth(before: readonly string[]): Promise<void> {
  const after = await keysAtRest(system());
  const more = after.filter((key) => !before.includes(key) && !ofQueues.test(key));
  const { redis } = system();
  const ttls = await Promise.all(more.map(async (key) => [key, await redis.pttl(key)] as const));
  expect(ttls.filter(([, ttl]) => ttl === -1)).toEqual([]);
  for (const key of after.filter((each) => each.endsWith(':events'))) {
    // BullMQ trims the stream approximately, in whole nodes.
    expect(await redis.xlen(key), `in ${key}`).toBeLessThan(300);
  }
}
