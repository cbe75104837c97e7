import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createKeys } from '#shared/keys.ts';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import { ownRedis } from '../fixtures/own-redis.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { leaseOf, useWorkers } from '../fixtures/workers.ts';

const scratch = useScratch();
const system = useSystem();
const workers = useWorkers();
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const count = 100;

it('every end is told, and dead letters are there, though gateway, workers and Redis are killed after the 202', async () => {
  const own = await ownRedis();
  const receiver = await callbackReceiver(secret);
  const settings = {
    REDIS_URL: own.url,
    HANDLER: workers.handler,
    LEDGER: workers.ledger(),
    CONCURRENCY: '8',
    CALLBACK_SECRET: secret,
    CALLBACK_ALLOW: '127.0.0.1',
  };
  const { url } = await system().start({ ...settings, REPLICAS: '2' });
  const { namespace } = system();
  const { startReady } = await scratch();
  const doomed = await startReady({ ...settings, ROLE: 'gateway', NAMESPACE: namespace });
  await expect.poll(async () => (await fetch(`${doomed.url}/-/ready`)).status, { timeout: 5000 }).toBe(200);
  const ids = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const response = await fetch(`${doomed.url}/work-${at}?ms=100`, {
        method: at % 2 === 0 ? 'GET' : 'POST',
        headers: { prefer: 'respond-async', 'ringpost-callback': receiver.url },
      });
      expect(response.status).toBe(202);
      await response.arrayBuffer();
      return response.headers.get('ringpost-request') ?? '';
    }),
  );
  doomed.kill('SIGKILL');
  await doomed.exited;
  await delay(200);
  const broken = { ...system(), redis: own.redis, keys: createKeys(namespace) };
  process.kill((await leaseOf(broken, 'S1'))?.pid ?? 0, 'SIGKILL');
  await delay(300);
  await own.kill();
  await delay(500);
  await own.restart();
  const told = (): Set<string> => new Set(receiver.received.map(({ id }) => id));
  await expect.poll(() => ids.filter((id) => !told().has(id)).length, { timeout: 60_000 }).toBe(0);
  const types = Map.groupBy(receiver.received, ({ message }) => message.type);
  console.log(
    `${receiver.received.length} messages for ${count} requests: ` +
      JSON.stringify([...types].map(([type, some]) => [type, some.length])),
  );
  const failed = new Set<string>();
  for (const { id, message } of receiver.received) {
    if (message.type === 'request.done') continue;
    expect([message.type, message.data.method, message.data.code]).toEqual([
      'request.failed',
      'POST',
      'outcome_unknown',
    ]);
    failed.add(id);
  }
  const { letters } = (await (await fetch(`${url}/-/dead-letters?limit=200`)).json()) as {
    letters: { id: string }[];
  };
  expect(letters.map(({ id }) => id).toSorted()).toEqual([...failed].toSorted());
});
