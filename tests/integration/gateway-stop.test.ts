import { expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

it('a gateway stops at once although its connections to Redis were just cut', async () => {
  const { start, redis, namespace } = system();
  await start({ REPLICAS: '1' });
  for (let times = 0; times < 3; times += 1) {
    const gateway = await start({ ROLE: 'gateway' });
    const list = String(await redis.client('LIST'));
    const ids = list
      .split('\n')
      .filter((line) => line.includes(`name=${namespace}:gateway`))
      .flatMap((line) => /^id=(\d+)/.exec(line)?.[1] ?? []);
    await Promise.all(ids.map((id) => redis.client('KILL', 'ID', id)));
    // Time to notice the cut, but not to connect again.
    await new Promise((resolve) => setTimeout(resolve, 10));
    const began = performance.now();
    await gateway.stop();
    expect(performance.now() - began).toBeLessThan(3000);
  }
});
