import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { copyExample } from '../fixtures/example-folder.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();

interface Cached {
  readonly replica: string;
  readonly cache: 'hit' | 'miss';
}

const tenants = Array.from({ length: 24 }, (_, at) => `tenant-${at}`);

async function tenant(url: string, name: string, key: string): Promise<Cached> {
  const response = await fetch(`${url}/tenants/${name}`, { headers: { 'ringpost-key': key } });
  expect(response.status).toBe(200);
  return (await response.json()) as Cached;
}

it('tenant-cache has more hits with the key than with a random one', async () => {
  const { url } = await system().start({ HANDLER: './examples/tenant-cache/handler.ts' });
  const hitsWith = async (keyOf: (name: string, round: number) => string): Promise<number> => {
    let hits = 0;
    for (let round = 0; round < 4; round += 1)
      for (const name of tenants)
        if ((await tenant(url, name, keyOf(name, round))).cache === 'hit') hits += 1;
    return hits;
  };
  const affine = await hitsWith((name) => name);
  const scattered = await hitsWith((name, round) => `${round} ${name}`);
  // Each replica asks for its own tenants in turn, so all but the first round are hits.
  expect(affine).toBe(3 * tenants.length);
  expect(scattered).toBeLessThan(affine / 2);
});

it('tenant-cache keeps the tenants of a replica while others are added and removed', async () => {
  const { url } = await system().start({ REPLICAS: '2', HANDLER: './examples/tenant-cache/handler.ts' });
  const few = tenants.slice(0, 8);
  const before = await Promise.all(few.map((name) => tenant(url, name, name)));
  const change = async (method: string, path: string): Promise<void> => {
    const body = JSON.stringify({ n: 1, hostnames: ['other'] });
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${url}${path}`, { method, headers, body })).status).toBe(200);
  };
  await change('POST', '/add');
  const added = await Promise.all(few.map((name) => tenant(url, name, name)));
  await change('DELETE', '/rm');
  const removed = await Promise.all(few.map((name) => tenant(url, name, name)));
  for (const [at, { replica }] of before.entries()) {
    expect(['other', replica]).toContain(added[at]?.replica);
    if (added[at]?.replica === replica) expect(added[at].cache).toBe('hit');
    expect(removed[at]).toMatchObject({ replica, cache: 'hit' });
  }
});

it('payments are made once under killed workers and repeats', async () => {
  const folder = await scratch();
  await copyExample('payments', folder);
  const { url } = await folder.startReady({ REPLICAS: '2', HANDLER: './handler.ts' });
  const orders = Array.from({ length: 6 }, (_, at) => `order-${at}`);
  const pay = async (order: string, headers: Record<string, string>): Promise<number> => {
    const response = await fetch(`${url}/payments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'ringpost-key': order, ...headers },
      body: JSON.stringify({ order, amount: 5 }),
    });
    await response.body?.cancel();
    return response.status;
  };
  // Every third request kills its worker. Each is sent twice at the same time.
  const statuses = await Promise.all(
    [...orders, ...orders].map((order, at) =>
      pay(order, { 'idempotency-key': order, ...(at % 3 === 0 ? { 'x-die': 'yes' } : {}) }),
    ),
  );
  expect(new Set(statuses)).toEqual(new Set([201]));
  const unknown = await pay('without-key', { 'x-die': 'yes' });
  expect(unknown).toBe(502);
  const files = await readdir(join(folder.folder, 'payments'));
  // A worker that dies may leave a draft behind, which is no payment.
  expect(files.filter((name) => name.endsWith('.json')).length).toBe(orders.length + 1);
  for (const order of [...orders, 'without-key']) {
    const response = await fetch(`${url}/payments?order=${order}`);
    expect(await response.json()).toEqual([{ order, amount: 5 }]);
  }
});
