import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const { ledger, runs } = useWorkers();
const handler = fileURLToPath(new URL('../fixtures/handlers/killer.ts', import.meta.url));

function settings(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { HANDLER: handler, LEDGER: ledger(), ...more };
}

/** @returns a key that the current ring gives to the replica. */
function keyOf({ gateway }: RunningGateway, replica: string): string {
  for (let at = 0; ; at += 1) if (gateway.watcher.ring.owner(`key-${at}`) === replica) return `key-${at}`;
}

async function runsOf(path: string): Promise<string[]> {
  return (await runs()).filter((line) => line.includes(` ${path} `));
}

async function stateOf(url: string, id: string): Promise<{ state: string; code?: string }> {
  return (await (await fetch(`${url}/-/requests/${id}`)).json()) as { state: string; code?: string };
}

async function sendAsync(url: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${url}${path}`, { headers: { ...headers, prefer: 'respond-async' } });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

describe('a request that kills its worker', () => {
  it('runs three times on its own replica, and harms other requests there only once', async () => {
    const running = await system().start(settings({ REPLICAS: '3' }));
    const { url } = running;
    const key = { 'ringpost-key': keyOf(running, 'S2') };
    const beside = fetch(`${url}/beside?ms=1000`, { method: 'POST', headers: key });
    const get = fetch(`${url}/get?ms=1000`, { headers: key });
    await eventually(async () => (await runs()).length === 2);
    const killed = fetch(`${url}/kill`, { headers: key });
    await eventually(async () => (await runsOf('/kill')).length === 1);
    // After the first crash no request is harmed, on this replica or another one.
    const asked: Promise<Response>[] = [];
    for (let at = 0; at < 60; at += 1) {
      asked.push(fetch(`${url}/other?ms=50`, { method: 'POST', headers: { 'ringpost-key': `other-${at}` } }));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await beside).status).toBe(502);
    expect(await (await get).json()).toMatchObject({ replica: 'S2' });
    const answer = await killed;
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ code: 'worker_died' });
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(asked.map(() => 200));
    expect(await runsOf('/kill')).toEqual([1, 2, 3].map((attempt) => `GET /kill S2 ${attempt}`));
  });

  it.each(['batched', 'stock'])(
    'fails with a dead letter, however many attempts it asks for (%s)',
    async (consumer) => {
      const { url } = await system().start(settings({ REPLICAS: '2', CONSUMER: consumer }));
      const id = await sendAsync(url, '/kill', { 'ringpost-attempts': '100' });
      await expect
        .poll(() => stateOf(url, id), { timeout: 20_000 })
        .toMatchObject({
          state: 'failed',
          code: 'worker_died',
        });
      expect(await runsOf('/kill')).toHaveLength(3);
      const letters = async (): Promise<unknown> =>
        (await fetch(`${url}/-/dead-letters?code=worker_died`)).json();
      // The dead letter is written after the request's end.
      await expect.poll(letters).toMatchObject({ letters: [{ id }] });
    },
  );

  it('can be ended by DELETE between its crashes', async () => {
    const { url } = await system().start(settings({ REPLICAS: '1' }));
    const id = await sendAsync(url, '/kill-later?ms=600');
    await eventually(async () => (await runsOf('/kill-later')).length === 2);
    const deleted = await fetch(`${url}/-/requests/${id}`, { method: 'DELETE' });
    expect(deleted.status).toBe(200);
    await expect.poll(() => stateOf(url, id)).toMatchObject({ state: 'cancelled' });
    expect(await runsOf('/kill-later')).toHaveLength(2);
    expect((await fetch(`${url}/next`)).status).toBe(200);
  });

  it('gets outcome_unknown after the first crash if it may not be repeated', async () => {
    const current = system();
    const { url } = await current.start(settings({ REPLICAS: '1' }));
    const answer = await fetch(`${url}/kill`, { method: 'POST' });
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ code: 'outcome_unknown' });
    expect(await runsOf('/kill')).toEqual(['POST /kill S1 1']);
    const id = answer.headers.get('ringpost-request');
    await expect.poll(() => new CrashNotes(current.connection).read('S1')).toMatchObject({ requests: [id] });
  });

  it('delays new requests by at most five seconds while it runs alone', async () => {
    const { url } = await system().start(
      settings({ REPLICAS: '1', FAILOVER_MS: '60000', LOG_LEVEL: 'silent' }),
    );
    const killed = fetch(`${url}/kill-later?ms=300`);
    await eventually(async () => (await runsOf('/kill-later')).length === 1);
    const begun = performance.now();
    await eventually(async () => (await runsOf('/kill-later')).length === 2);
    const asked = performance.now();
    const restartMs = asked - begun;
    expect((await fetch(`${url}/new`, { method: 'POST' })).status).toBe(200);
    // Its worker dies twice before it can run: the second start is delayed by 1 s.
    expect(performance.now() - asked).toBeLessThan(5000 + Math.max(5000, 3 * restartMs));
    expect(await (await killed).json()).toMatchObject({ code: 'worker_died' });
  });
});

describe('a request whose worker was ended by ringpost or by a shutdown', () => {
  it('has no crash, and runs again like any other', async () => {
    const current = system();
    const { redis, keys } = current;
    const { url } = await current.start(settings({ REPLICAS: '1', DRAIN_TIMEOUT_MS: '100' }));
    const get = fetch(`${url}/slow?ms=1500`);
    await eventually(async () => (await runsOf('/slow')).length === 1);
    process.kill((await leaseOf(current, 'S1'))?.pid ?? 0, 'SIGTERM');
    await eventually(async () => (await runsOf('/slow')).length === 2);
    expect(await redis.scard(keys.suspects('S1'))).toBe(0);
    expect((await get).status).toBe(200);
  });
});

describe('a suspect whose replica is removed', () => {
  it('is run by a worker that the controller starts for it', async () => {
    const running = await system().start(settings({ REPLICAS: '2' }));
    const { url } = running;
    const current = system();
    const slow = fetch(`${url}/slow?ms=1500`, { headers: { 'ringpost-key': keyOf(running, 'S2') } });
    await eventually(async () => (await runsOf('/slow')).length === 1);
    const { pid = 0 } = (await leaseOf(current, 'S2')) ?? {};
    const removed = await fetch(`${url}/rm`, {
      method: 'DELETE',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ n: 1, hostnames: ['S2'] }),
    });
    expect(removed.status).toBe(200);
    process.kill(pid, 'SIGKILL');
    expect(await (await slow).json()).toEqual({ replica: 'S2', attempt: 2 });
    await eventually(async () => (await current.redis.hexists(current.keys.retired, 'S2')) === 0);
    expect(await current.redis.exists(current.keys.suspects('S2'))).toBe(0);
  });
});

describe('an innocent request that was running at three crashes', () => {
  it('is cleared once the poison request has failed, and gets its answer', async () => {
    const current = system();
    const { redis, keys } = current;
    const { url } = await current.start(settings({ REPLICAS: '1' }));
    const slow = [1, 2, 3, 4].map((at) => fetch(`${url}/innocent-${at}?ms=700`));
    await eventually(async () => (await runs()).length === 4);
    const killed = fetch(`${url}/kill`);
    expect((await killed).status).toBe(502);
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(await runsOf('/kill')).toHaveLength(3);
    await expect.poll(() => redis.scard(keys.suspects('S1'))).toBe(0);
    expect(await redis.llen(keys.unfinished('S1').active)).toBe(0);
  });
});
