import { expect, it, onTestFinished } from 'vitest';
import type { Death } from '../../gateway/drivers/driver.ts';
import { ProcessDriver } from '../../gateway/drivers/process.ts';
import { compileCache } from '../fixtures/command.ts';

it.each([
  ['SIGINT', true],
  ['SIGKILL', false],
] as const)('a worker that dies of %s before it has begun has ended cleanly: %s', async (signal, clean) => {
  const driver = new ProcessDriver({
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCache },
    redisUrl: 'redis://127.0.0.1:1',
    logFormat: 'json',
  });
  onTestFinished(() => driver.close(0));
  const deaths: Death[] = [];
  driver.watch((death) => void deaths.push(death));
  await driver.start();
  await driver.ensure('S1', 1);
  process.kill(Number(driver.list()[0]?.id), signal);
  await expect.poll(() => deaths).toHaveLength(1);
  expect(deaths[0]).toMatchObject({ name: 'S1', generation: 1, reason: `killed by ${signal}`, clean });
});
