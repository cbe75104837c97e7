import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type {
  CallbackPageView,
  DeadLetterCountsView,
  DeadLetterPreviewView,
  LiveRequestsView,
  RequestTimelineView,
} from '#shared/contract/api/requests.ts';
import { parseEvent } from '#shared/contract/request-events.ts';
import { createLogger } from '#shared/process/logger.ts';
import { keyDigest } from '#shared/ring/key-digest.ts';
import { RequestNotes } from '#shared/store/records/request-notes.ts';
import { readApi, submit, untilEnded } from '../fixtures/api-calls.ts';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const handler = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const tokens = { ADMIN_TOKEN: 'a'.repeat(20), VIEW_TOKEN: 'v'.repeat(20) };
const admin = { authorization: `Bearer ${tokens.ADMIN_TOKEN}` };
const viewer = { authorization: `Bearer ${tokens.VIEW_TOKEN}` };

async function start(settings: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  return system().start({ REPLICAS: '1', HANDLER: handler, LEDGER: workers.ledger(), ...settings });
}

const timelineOf = (url: string, id: string, headers = {}): Promise<RequestTimelineView> =>
  readApi(url, `/-/api/requests/${id}`, headers);

const kindsOf = ({ events }: RequestTimelineView): string[] => events.map(({ kind }) => kind);

const untilRun = (path: string): Promise<true> =>
  eventually(async () => (await workers.runs()).some((line) => line.includes(` ${path} `)) || undefined);

/** @returns a key that the current ring gives to the replica. */
function keyOf({ gateway }: RunningGateway, replica: string): string {
  for (let at = 0; ; at += 1) if (gateway.watcher.ring.owner(`key-${at}`) === replica) return `key-${at}`;
}

describe('the timeline of a request', () => {
  it('shows each attempt with its worker, the retry and the end', async () => {
    const { url } = await start();
    const id = await submit(url, '/x?fail=1&status=503', { 'ringpost-attempts': '2' });
    await untilEnded(url, id);
    const timeline = await timelineOf(url, id);
    expect(kindsOf(timeline)).toEqual([
      'accepted',
      'queued',
      'taken',
      'begun',
      'retried',
      'taken',
      'begun',
      'ended',
    ]);
    const worker = `S1#${(await leaseOf(system(), 'S1'))?.generation}`;
    expect(timeline.events.slice(2).map((event) => [event.attempt, event.worker])).toEqual([
      [1, worker],
      [1, worker],
      [1, worker],
      [2, worker],
      [2, worker],
      [2, worker],
    ]);
    expect(timeline.events[4]?.text).toBe('Its answer was 503; it waits to be run again.');
    expect(timeline.events.at(-1)?.text).toBe('It ended with status 200.');
    expect(timeline).toMatchObject({ id, request: { id, state: 'done' }, live: null, deadLetter: null });
    const times = timeline.events.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  it('says which worker was lost with it and why, and links its dead letter', async () => {
    const { url } = await start(tokens);
    const id = await submit(url, '/slow?ms=20000', {}, 'POST');
    await untilRun('/slow');
    const lease = await leaseOf(system(), 'S1');
    process.kill(lease?.pid ?? 0, 'SIGKILL');
    await untilEnded(url, id);
    await expect.poll(async () => (await timelineOf(url, id, admin)).deadLetter).toBe(id);
    const timeline = await timelineOf(url, id, admin);
    expect(kindsOf(timeline)).toEqual(['accepted', 'queued', 'taken', 'begun', 'lost', 'ended']);
    const lost = timeline.events[4];
    expect(lost).toMatchObject({ worker: `S1#${lease?.generation}`, attempt: 1 });
    expect(lost?.text).toMatch(/^S1#\d+ died while it had the request: .*SIGKILL/);
    expect(timeline.events[5]?.text).toBe('It failed with status 502: outcome unknown.');
    // What a handler wrote may be in the reason.
    const seen = await timelineOf(url, id, viewer);
    expect(seen.events[4]?.text).toMatch(/^S1#\d+ died while it had the request\.$/);
    expect(JSON.stringify(seen)).not.toContain(id.slice(0, 12));
  });

  it('shows that another worker has adopted it', async () => {
    const current = system();
    const commands = [await workers.start(current, 'S1'), await workers.start(current, 'S2')];
    const settings = { REPLICA_DRIVER: 'none', LEASE_MS: String(workerLeaseMs), FAILOVER_MS: '300' };
    const running = await current.start({ ...settings, REPLICAS: '2' });
    await running.gateway.watcher.until(({ ring }) => ring.size === 2, 20_000);
    commands[1]?.kill('SIGSTOP');
    // A POST waits in the queue until a worker takes it, and the frozen one takes nothing.
    const id = await submit(running.url, '/adopted', { 'ringpost-key': keyOf(running, 'S2') }, 'POST');
    await untilEnded(running.url, id);
    const timeline = await timelineOf(running.url, id);
    expect(kindsOf(timeline)).toEqual(['accepted', 'queued', 'adopted', 'begun', 'ended']);
    expect(timeline.events[2]).toMatchObject({
      worker: expect.stringMatching(/^S1#\d+$/),
      text: expect.stringContaining('since it had adopted the queue of S2'),
    });
  });

  it('shows cancellation, expiry, a request that waits without a record, and says 404 for others', async () => {
    const { url } = await start({ CONCURRENCY: '1' });
    const held = fetch(`${url}/held?ms=3000`);
    await untilRun('/held');
    const cancelled = await submit(url, '/x');
    await fetch(`${url}/-/requests/${cancelled}`, { method: 'DELETE' });
    expect(kindsOf(await timelineOf(url, cancelled))).toEqual(['accepted', 'queued', 'cancelled']);
    const late = await submit(url, '/x', { 'ringpost-deadline': '100' });
    await untilEnded(url, late);
    expect(kindsOf(await timelineOf(url, late))).toEqual(['accepted', 'queued', 'expired']);
    const { redis, keys } = system();
    const [waiting = ''] = (await redis.lrange(keys.unfinished('S1').active, 0, -1)).toSorted();
    const timeline = await timelineOf(url, waiting);
    expect(timeline).toMatchObject({ id: waiting, request: null });
    expect(kindsOf(timeline)).toEqual(['accepted', 'queued', 'begun']);
    for (const id of ['x', '4f1c2a1e-7a0b-4e06-9a55-3c1f5e0d8a11.S1', '1~00000000.S1'])
      expect((await fetch(`${url}/-/api/requests/${id}`)).status, id).toBe(404);
    await held;
  });

  it('keeps the latest 32 events of a request that has many', async () => {
    const { url } = await start({ CONCURRENCY: '1' });
    const held = fetch(`${url}/held?ms=3000`);
    await untilRun('/held');
    const id = await submit(url, '/x');
    const notes = new RequestNotes(system().connection, createLogger('test', 'silent'));
    const terms = { keepMs: 60_000, deadline: Date.now() + 60_000 };
    for (let attempt = 1; attempt <= 40; attempt += 1)
      await notes.note('S1', id, terms, 'queued', {
        kind: 'retried',
        attempt,
        worker: 'S1#1',
        detail: '503',
      });
    const { events } = await timelineOf(url, id);
    expect(events.map(({ kind }) => kind).slice(0, 3)).toEqual(['accepted', 'queued', 'retried']);
    expect(events).toHaveLength(34);
    const { redis, keys } = system();
    const fields = Object.entries(await redis.hgetall(keys.request('S1', id)));
    const kept = fields
      .filter(([name]) => name.startsWith('event:'))
      .map(([, text]) => parseEvent(text)?.attempt);
    expect(new Set(kept)).toEqual(new Set(Array.from({ length: 32 }, (_, at) => at + 9)));
    await fetch(`${url}/-/requests/${id}`, { method: 'DELETE' });
    await held;
  });
});

describe('callbacks', () => {
  it('are listed by state with their counts, without what is secret in their URLs', async () => {
    const receiver = await callbackReceiver(secret);
    receiver.answer = (path) => ({ status: path.startsWith('/bad') ? 500 : 204 });
    const { url } = await start({ ...tokens, CALLBACK_SECRET: secret, CALLBACK_ALLOW: '127.0.0.1' });
    const withCallback = (path: string, to: string): Promise<string> =>
      submit(url, path, { 'ringpost-callback': receiver.url + to });
    const good = await withCallback('/x', '/good?token=t');
    const bad = await withCallback('/x', '/bad?token=t');
    const running = await withCallback('/x?ms=60000', '/later');
    const list = (query = '', headers: Record<string, string> = admin): Promise<CallbackPageView> =>
      readApi(url, `/-/api/callbacks${query}`, headers);
    await expect
      .poll(async () => (await list()).counts, { timeout: 20_000 })
      .toEqual({ pending: 1, retrying: 1, delivered: 1 });
    const all = await list();
    expect(all.callbacks.map(({ request }) => request).toSorted()).toEqual([good, bad, running].toSorted());
    expect(all.next).toBeNull();
    expect(JSON.stringify(all)).not.toContain('token');
    const [delivered] = (await list('?state=delivered')).callbacks;
    expect(delivered).toEqual({
      request: good,
      state: 'delivered',
      attempts: 1,
      answer: '204',
      receiver: `${receiver.url}/good`,
      nextAt: null,
    });
    const [retrying] = (await list('?state=retrying')).callbacks;
    expect(retrying).toMatchObject({ request: bad, attempts: 1, answer: '500' });
    expect(retrying?.nextAt).toBeGreaterThan(Date.now() - 1000);
    const first = await list('?limit=1');
    const second = await readApi<CallbackPageView>(url, first.next ?? '', admin);
    expect([first, second].map(({ callbacks }) => callbacks.length)).toEqual([1, 1]);
    const { events } = await timelineOf(url, good, admin);
    expect(events.at(-1)).toMatchObject({
      kind: 'callback',
      attempt: 1,
      text: 'A gateway sent its callback: 204, delivered.',
    });
    const seen = await list('?state=delivered', viewer);
    expect(seen.callbacks[0]).toMatchObject({ request: `${good.slice(0, 8)}….S1`, receiver: receiver.url });
    expect((await fetch(`${url}/-/api/callbacks?state=lost`, { headers: admin })).status).toBe(400);
    await fetch(`${url}/-/requests/${running}`, { method: 'DELETE', headers: admin });
  });
});

describe('dead letters', () => {
  it('are counted by code and replica, and a redrive or deletion can be tried without doing it', async () => {
    const { url } = await start();
    for (const status of [500, 503, 503])
      await untilEnded(url, await submit(url, `/x?fail=9&status=${status}`, { authorization: 'Bearer t' }));
    const counts = (): Promise<DeadLetterCountsView> => readApi(url, '/-/api/dead-letters');
    const byReplica = [{ replica: 'S1', count: 3 }];
    const byCode = [
      { code: 'http_503', count: 2 },
      { code: 'http_500', count: 1 },
    ];
    await expect.poll(counts).toEqual({ count: 3, counted: 3, byCode, byReplica });
    const preview = { count: 2, more: false, incomplete: 2, checked: 2, byCode: byCode.slice(0, 1) };
    const query = '?code=http_503&dry-run=true';
    const redrive = await fetch(`${url}/-/dead-letters/redrive${query}`, { method: 'POST' });
    expect([redrive.status, (await redrive.json()) as DeadLetterPreviewView]).toMatchObject([200, preview]);
    const deletion = await fetch(`${url}/-/dead-letters${query}`, { method: 'DELETE' });
    expect([deletion.status, await deletion.json()]).toMatchObject([200, preview]);
    expect((await counts()).count).toBe(3);
    const bad = await fetch(`${url}/-/dead-letters?all=true&dry-run=yes`, { method: 'DELETE' });
    expect(bad.status).toBe(400);
    const deleted = await fetch(`${url}/-/dead-letters?code=http_503&dry-run=false`, { method: 'DELETE' });
    expect(await deleted.json()).toEqual({ deleted: 2, more: false });
  });
});

describe('live requests', () => {
  it('are those that ended while somebody watched, without queries and keys', async () => {
    const { url, gateway } = await start(tokens);
    const live = (headers: Record<string, string> = admin): Promise<LiveRequestsView> =>
      readApi(url, '/-/api/live', headers);
    await (await fetch(`${url}/before`)).arrayBuffer();
    expect((await live()).requests).toEqual([]);
    const answer = await fetch(`${url}/seen?token=t`, { headers: { 'ringpost-key': 'tenant-7' } });
    await answer.arrayBuffer();
    await expect.poll(async () => (await live()).requests.length).toBe(1);
    const { requests } = await live();
    expect(requests[0]).toMatchObject({
      method: 'GET',
      path: '/seen',
      replica: 'S1',
      status: 200,
      mode: 'wait',
      attempt: 1,
      keyDigest: keyDigest('tenant-7'),
    });
    expect(JSON.stringify(requests)).not.toMatch(/token|tenant-7/);
    const id = requests[0]?.id ?? '';
    const timeline = await timelineOf(url, id, admin);
    expect(timeline).toMatchObject({ id, request: null, live: { id } });
    expect(kindsOf(timeline)).toEqual(['accepted', 'queued', 'begun', 'ended', 'replied']);
    expect((await live(viewer)).requests[0]?.id).toBe(`${id.slice(0, 8)}….S1`);
    expect(gateway.app.listeningOrigin).toBe(url);
  });
});
