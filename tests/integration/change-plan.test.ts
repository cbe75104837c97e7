import { expect, it } from 'vitest';
import type { PlanView } from '#shared/contract/api/system.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

it('a plan says what a change would move, to a viewer too, and changes nothing', async () => {
  const current = system();
  const running = await current.start({
    REPLICAS: '2',
    HANDLER: workers.handler,
    LEDGER: workers.ledger(),
    ADMIN_TOKEN: 'an-admin-token-of-32-characters-1',
    VIEW_TOKEN: 'a-view-token-of-32-characters-xx1',
    CONCURRENCY: '1',
  });
  const headers = { authorization: 'Bearer a-view-token-of-32-characters-xx1' };
  const plan = (query: string): Promise<Response> =>
    fetch(`${running.adminUrl}/-/api/plan?${query}`, { headers });
  const key = Array.from({ length: 100 }, (_, at) => `key-${at}`).find(
    (each) => running.gateway.watcher.ring.owner(each) === 'S2',
  );
  const requests = Array.from({ length: 3 }, (_, at) =>
    fetch(`${running.url}/held?ms=2000`, {
      method: 'POST',
      headers: { 'ringpost-key': key ?? '', ...(at === 2 ? { 'ringpost-order': 'key' } : {}) },
    }),
  );
  const { wait, active } = current.keys.unfinished('S2');
  await eventually(
    async () =>
      ((await current.redis.llen(active)) === 1 && (await current.redis.llen(wait)) === 2) || undefined,
  );
  const before = (await current.redis.get(current.keys.version)) ?? '';
  const response = await plan('add=*&rm=S2');
  expect(response.status).toBe(200);
  const view = (await response.json()) as PlanView; // as the document says
  expect(view).toMatchObject({ add: ['new-1'], rm: ['S2'], waiting: 2, running: 1, lines: 1 });
  expect(view.replicas.map(({ name }) => name)).toEqual(['S1', 'S2', 'new-1']);
  expect(view.movedShare).toBeGreaterThan(0.2);
  for (const query of ['', 'rm=S7', 'add=S2', 'drain=S1&drain=S2']) {
    const refused = await plan(query);
    expect([refused.status, await refused.json()], query).toMatchObject([400, { code: 'request_malformed' }]);
  }
  const denied = await fetch(`${running.adminUrl}/-/api/replicas/S2/drain`, { method: 'POST', headers });
  expect(denied.status).toBe(403);
  expect(await current.redis.get(current.keys.version)).toBe(before);
  expect((await Promise.all(requests)).map(({ status }) => status)).toEqual([200, 200, 200]);
});
