import { expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const patience = { timeout: 15_000 };

interface Shown {
  readonly replicas: readonly { readonly name: string; readonly state: string; readonly reason?: string }[];
}

it('starts at most MAX_REPLICAS workers, oldest first, whatever is written to `desired`', async () => {
  const { redis, keys, start } = system();
  const { url } = await start({ REPLICAS: '1', MAX_REPLICAS: '2' });
  const names = Array.from({ length: 40 }, (_, at) => `X${at + 1}`);
  // The last one written joined first.
  const members = names.map(
    (name, at) => [name, JSON.stringify({ name, joined: 1000 - at, weight: 1 })] as const,
  );
  await redis.hset(keys.desired, Object.fromEntries(members));
  await redis.hset(keys.desired, 'not a name', '{"name":"not a name","joined":2,"weight":1}');
  await redis.incr(keys.version);
  const shown = async (): Promise<Shown['replicas']> => {
    const response = await fetch(`${url}/-/ring`);
    return ((await response.json()) as Shown).replicas; // as the route answers
  };
  const ready = async (): Promise<string[]> =>
    (await shown()).flatMap(({ name, state }) => (state === 'ready' ? [name] : []));
  await expect.poll(ready, patience).toEqual(['S1', 'X40']);
  const reasons = async (): Promise<string[]> => [
    ...new Set((await shown()).flatMap(({ state, reason }) => (state === 'lost' ? [reason ?? ''] : []))),
  ];
  await expect.poll(reasons, patience).toEqual(['MAX_REPLICAS is 2, and older ones come first']);
  const started = await redis.keys(`${keys.prefix}:{X*}:generation`);
  expect(started).toEqual([`${keys.replica('X40')}:generation`]);
});
