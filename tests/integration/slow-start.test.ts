import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

it('while a replacement loads, a POST is answered at once and a GET waits for it', async () => {
  const current = system();
  const folder = dirname(workers.ledger());
  const [handler, slow] = [join(folder, 'handler.ts'), join(folder, 'slow')];
  // Loads for 6 s if the file `slow` names the replica.
  await writeFile(
    handler,
    `import { existsSync, readFileSync } from 'node:fs';
if (existsSync('${slow}') && readFileSync('${slow}', 'utf8') === process.env.REPLICA)
  await new Promise((resolve) => setTimeout(resolve, 6000));
export { default } from '${workers.handler}';
`,
  );
  const { url, gateway } = await current.start({
    REPLICAS: '2',
    HANDLER: handler,
    LEDGER: workers.ledger(),
    FAILOVER_MS: '500',
  });
  let key = 0;
  while (gateway.watcher.ring.owner(`k${key}`) !== 'S2') key += 1;
  const ask = (method: string, path: string): Promise<Response> =>
    fetch(`${url}/${path}?ms=1000`, { method, headers: { 'ringpost-key': `k${key}` } });
  const [post, get] = [ask('POST', 'post'), ask('GET', 'get')];
  await eventually(async () => (await workers.runs()).length === 2);
  await writeFile(slow, 'S2');
  const killed = performance.now();
  process.kill((await leaseOf(current, 'S2'))?.pid ?? 0, 'SIGKILL');
  expect((await post).status).toBe(502);
  expect(performance.now() - killed).toBeLessThan(1500);
  const answer = await get;
  // The GET may have killed the worker, so no other replica adopts it.
  expect(await answer.json()).toEqual({ replica: 'S2', attempt: 2 });
  await gateway.watcher.until(({ ring }) => ring.get('S2') === 2, 20_000);
  expect(await (await ask('GET', 'own')).json()).toEqual({ replica: 'S2', attempt: 1 });
  expect((await workers.runs()).filter((line) => line.startsWith('POST'))).toHaveLength(1);
});
