import { expect, inject, it, onTestFinished } from 'vitest';
import { startClusterGroup, startSentinelGroup } from '../fixtures/redis-group.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();

it.each([
  ['sentinel', startSentinelGroup],
  ['cluster', startClusterGroup],
] as const)(
  'npm start with a %s serves requests before and after a planned switch',
  async (_, startGroup) => {
    const group = await startGroup(inject('redisBinary'));
    onTestFinished(() => group.stop());
    const { startReady } = await scratch();
    const namespace = 'e2e-groups';
    const command = await startReady({ REDIS_URL: group.url, NAMESPACE: namespace, REPLICAS: '2' });
    onTestFinished(async () => {
      command.kill('SIGTERM');
      await command.exited;
    });
    // The ready line shows all hosts, and no password.
    expect(command.redisUrl).toBe(group.url.replace('//', '//:@').replace(/\/$/, ''));
    const ask = async (): Promise<number> => (await fetch(`${command.url}/home`)).status;
    expect(await ask()).toBe(200);
    await group.switchOver(namespace);
    await expect.poll(ask, { timeout: 10_000, interval: 100 }).toBe(200);
  },
);
