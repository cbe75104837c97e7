import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { expectAllAnswered, startLoad } from '../fixtures/load.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();

interface Footprint {
  /** Bytes of all that is stored, without the buffers of connections and of the append-only file. */
  readonly dataset: number;
  readonly used: number;
  readonly keys: string[];
}

async function footprint(redis: Redis): Promise<Footprint> {
  await redis.call('MEMORY', 'PURGE');
  const info = await redis.info('memory');
  const of = (field: string): number => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1]);
  return {
    dataset: of('used_memory_dataset'),
    used: of('used_memory'),
    // Keys that come and go by themselves: the wake-up of a reader of replies.
    keys: (await redis.keys('*')).filter((key) => !key.includes(':wake:')).toSorted(),
  };
}

it('Redis holds no more after 100,000 finished requests than after 1,000', { timeout: 300_000 }, async () => {
  const { startReady } = await scratch();
  const { url, redisUrl } = await startReady();
  const redis = new Redis(redisUrl);
  try {
    const run = async (amount: number): Promise<Footprint> => {
      const result = await startLoad({ url: `${url}/home`, connections: 64, amount }).finished;
      expectAllAnswered(result, amount);
      return await footprint(redis);
    };
    const few = await run(1000);
    const many = await run(99_000);
    console.log(
      `Redis after 1,000 requests: ${few.dataset} bytes of data (${few.used} in all), ${few.keys.length} keys; ` +
        `after 100,000: ${many.dataset} (${many.used}), ${many.keys.length} keys`,
    );
    expect(many.keys).toEqual(few.keys);
    expect(many.dataset - few.dataset).toBeLessThan(256 * 1024);
  } finally {
    redis.disconnect();
  }
});
