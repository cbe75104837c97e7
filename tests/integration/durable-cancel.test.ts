import { describe, expect, it } from 'vitest';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

interface View {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly code?: string;
}

const start = (settings: NodeJS.ProcessEnv = {}): Promise<RunningGateway> =>
  system().start({ HANDLER: workers.handler, LEDGER: workers.ledger(), REPLICAS: '1', ...settings });

async function sendAsync(url: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${url}${path}`, { headers: { prefer: 'respond-async', ...headers } });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as View).id;
}

async function cancel(url: string, id: string): Promise<View> {
  return (await (await fetch(`${url}/-/requests/${id}`, { method: 'DELETE' })).json()) as View;
}

async function ended(url: string, id: string): Promise<View> {
  return (await (await fetch(`${url}/-/requests/${id}?wait=20`)).json()) as View;
}

const runsOf = async (path: string): Promise<number> =>
  (await workers.runs()).filter((line) => line.includes(` ${path} `)).length;

async function signal(name: NodeJS.Signals): Promise<void> {
  process.kill((await leaseOf(system(), 'S1'))?.pid ?? 0, name);
}

describe('a request cancelled', () => {
  it('while a hanging worker holds it ends at once, and the next worker does not run it', async () => {
    const { url } = await start({ HANDLER: handlerFile('hanging') });
    await sendAsync(url, '/hangs');
    await eventually(async () => (await runsOf('/hangs')) === 1);
    const { keys, redis } = system();
    // The worker has taken it and cannot start it.
    const mine = await sendAsync(url, '/mine');
    const taken = async (): Promise<number> => redis.llen(keys.unfinished('S1').active);
    await expect.poll(taken).toBe(2);
    expect(await cancel(url, mine)).toMatchObject({ state: 'cancelled', attempts: 0 });
    await signal('SIGKILL');
    const last = await sendAsync(url, '/last');
    expect(await ended(url, last)).toMatchObject({ state: 'done' });
    expect(await ended(url, mine)).toMatchObject({ state: 'cancelled', attempts: 0 });
    await expect.poll(taken).toBe(0);
    expect(await runsOf('/mine')).toBe(0);
  });

  it('while it runs is not started again if its worker dies before it learns of it', async () => {
    const { url } = await start({ HANDLER: handlerFile('hanging') });
    const id = await sendAsync(url, '/hangs');
    await eventually(async () => (await runsOf('/hangs')) === 1);
    expect((await cancel(url, id)).state).toBe('running');
    await signal('SIGKILL');
    expect(await ended(url, id)).toMatchObject({ state: 'cancelled', attempts: 1 });
    expect(await runsOf('/hangs')).toBe(1);
  });

  it('without a record is not started again either', async () => {
    const { url } = await start({ HANDLER: handlerFile('hanging') });
    const waited = fetch(`${url}/hangs`);
    await eventually(async () => (await runsOf('/hangs')) === 1);
    const { keys, redis } = system();
    const [id = ''] = await redis.lrange(keys.unfinished('S1').active, 0, -1);
    expect((await cancel(url, id)).state).toBe('running');
    await signal('SIGKILL');
    const answer = await waited;
    expect([answer.status, ((await answer.json()) as View).code]).toEqual([409, 'cancelled']);
    expect(await runsOf('/hangs')).toBe(1);
  });

  it('by an admin on ADMIN_PORT ends, whoever its caller is', async () => {
    await leaseReplicas(system());
    const settings = {
      ADMIN_PORT: '0',
      ADMIN_TOKEN: 'a-token-for-admins',
      VIEW_TOKEN: 'a-token-for-viewers',
    };
    const { url, adminUrl } = await system().start({ REPLICA_DRIVER: 'none', ...settings });
    const id = await sendAsync(url, '/mine', { 'x-api-key': 'a-key-of-the-caller' });
    const asked = async (path: string, token: string): Promise<readonly unknown[]> => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${adminUrl}/-/api/requests/${path}`, { method: 'DELETE', headers });
      const { state, code } = (await answer.json()) as View;
      return [answer.status, state ?? code];
    };
    expect(await asked(id, settings.VIEW_TOKEN)).toEqual([403, 'forbidden']);
    expect(await asked(id, settings.ADMIN_TOKEN)).toEqual([200, 'cancelled']);
    expect(await asked(id, settings.ADMIN_TOKEN)).toEqual([409, 'already_finished']);
    expect(await asked('nothing.S1', settings.ADMIN_TOKEN)).toEqual([404, 'not_found']);
  });

  it('while it waits for a retry is not retried', async () => {
    const { url } = await start({ HANDLER: handlerFile('flaky') });
    const id = await sendAsync(url, '/x?fail=9&retry-after=2', { 'ringpost-attempts': '9' });
    await expect
      .poll(async () => (await (await fetch(`${url}/-/requests/${id}`)).json()) as View)
      .toMatchObject({ state: 'queued', attempts: 1 });
    expect(await cancel(url, id)).toMatchObject({ state: 'cancelled', attempts: 1 });
    const { keys, redis } = system();
    // The worker may be putting its job back at that moment; it removes the job then.
    await expect.poll(() => redis.exists(keys.job('S1', id))).toBe(0);
  });

  it('at any time is never "queued", and "cancelled" with no attempt only if it never runs', async () => {
    const { url } = await start({ CONCURRENCY: '3' });
    const told = await Promise.all(
      Array.from({ length: 150 }, async (_, at) => {
        const id = await sendAsync(url, `/at-${at}?ms=${(at % 5) * 10}`);
        const { state, attempts } = await cancel(url, id);
        return { id, path: `/at-${at}`, state, attempts };
      }),
    );
    expect(new Set(told.map(({ state }) => state))).not.toContain('queued');
    for (const { id, path, attempts, state } of told) {
      const end = await ended(url, id);
      if (state === 'cancelled') expect([end.state, end.attempts]).toEqual([state, attempts]);
      // The cancellation may arrive after the start is recorded and before the handler starts.
      expect(await runsOf(path), path).toBeLessThanOrEqual(end.attempts);
      if (end.state === 'done') expect(await runsOf(path), path).toBe(1);
    }
    expect(told.filter(({ state }) => state === 'cancelled').length).toBeGreaterThan(0);
  });
});
