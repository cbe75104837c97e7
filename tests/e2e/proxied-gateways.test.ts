import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { counted, proxiedLoad, runsIn, startProxied } from '../fixtures/proxied-gateways.ts';
import { useProxies } from '../fixtures/proxies.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { createSystem } from '../fixtures/system.ts';

const scratch = useScratch();
const proxyKinds = useProxies();
/** The controller with its workers, which no test restarts. */
const system = createSystem();
const ledger = join(tmpdir(), `ringpost-proxied-${randomBytes(4).toString('hex')}`);

beforeAll(async () => {
  await system.start({ REPLICAS: '2', HANDLER: handlerFile('proxied'), LEDGER: ledger });
});
afterAll(async () => {
  await system.stop();
  await rm(ledger, { force: true });
});

/** The requests that ran more than once. */
async function doubled(method: 'GET' | 'POST'): Promise<readonly string[]> {
  const runs = (await runsIn(ledger)).filter((line) => line.startsWith(method));
  return runs.filter((line, at) => runs.indexOf(line) !== at);
}

// `npm test` says at its end which proxy is not installed.
describe.each(proxyKinds)('three gateways behind $name', (kind) => {
  it.skipIf(kind.program === undefined)(
    'are restarted one after the other under load, and no request fails',
    async () => {
      const { proxy, gateways, again } = await startProxied(system, kind, await scratch());
      const stop = proxiedLoad(proxy.url);
      await delay(1000);
      for (const gateway of gateways) {
        gateway.command.kill('SIGTERM');
        expect(await gateway.command.exited).toEqual({ code: 0, signal: null });
        await again(gateway);
        await delay(kind.pauseMs);
      }
      const answers = await stop();
      console.log(`${kind.name}, rolling restart: ${JSON.stringify(counted(answers))}`);
      expect(Object.keys(counted(answers)).toSorted()).toEqual(['GET 200', 'KEYED 200', 'POST 200']);
      expect(await doubled('POST')).toEqual([]);
    },
  );

  it.skipIf(kind.program === undefined)(
    'lose one by kill -9: only a POST without a key may be lost, and none runs twice',
    async () => {
      const { proxy, gateways, again } = await startProxied(system, kind, await scratch());
      const stop = proxiedLoad(proxy.url, 24);
      await delay(500);
      for (const gateway of gateways) {
        gateway.command.kill('SIGKILL');
        await gateway.command.exited;
        await delay(kind.pauseMs);
        await again(gateway);
        await delay(kind.pauseMs);
      }
      const answers = await stop();
      console.log(`${kind.name}, kill -9: ${JSON.stringify(counted(answers))}`);
      const lost = answers.filter(({ method, told }) => method === 'POST' && kind.lost.includes(told));
      const others = answers.filter((each) => !lost.includes(each));
      expect(Object.keys(counted(others)).toSorted()).toEqual(['GET 200', 'KEYED 200', 'POST 200']);
      // One of each client for each gateway.
      expect(lost.length).toBeLessThanOrEqual(3 * 8);
      expect(await doubled('POST')).toEqual([]);
    },
  );

  it.skipIf(kind.program === undefined)('go on if one of them is frozen, and it comes back', async () => {
    const shorter = kind.name === 'nginx' ? { 'proxy_read_timeout 60s': 'proxy_read_timeout 3s' } : {};
    const { proxy, gateways } = await startProxied(system, kind, await scratch(), {}, shorter);
    const [frozen] = gateways;
    const beside = proxiedLoad(proxy.url);
    await delay(500);
    frozen?.command.kill('SIGSTOP');
    // HAProxy asks for `/-/ready`, and leaves it after two failed checks.
    await delay(4000);
    const stop = proxiedLoad(proxy.url);
    await delay(3000);
    frozen?.command.kill('SIGCONT');
    const [later, before] = [await stop(), await beside()];
    console.log(`${kind.name}, frozen: ${JSON.stringify([counted(before), counted(later)])}`);
    if (kind.name === 'HAProxy')
      expect(Object.keys(counted(later)).toSorted()).toEqual(['GET 200', 'KEYED 200', 'POST 200']);
    // What the frozen gateway held is answered when it wakes up; it may find then that its ring is too old.
    // nginx gives up before: it sends what may be repeated to another gateway, and answers 504 otherwise.
    const failed = [...before, ...later].filter(({ told }) => told !== '200');
    for (const { told } of failed) expect(['503', '504']).toContain(told);
    expect(failed.length).toBeLessThanOrEqual(kind.name === 'nginx' ? 60 : 9);
    const repeatable = failed.filter(({ method, told }) => method !== 'POST' && told !== '503');
    if (kind.name === 'nginx') expect(repeatable).toEqual([]);
    expect(await doubled('POST')).toEqual([]);
  });
});
