import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { requestId } from '#shared/contract/request-id.ts';
import { remove } from '../fixtures/admin-calls.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

interface View {
  readonly state: string;
  readonly attempts: number;
  readonly status?: number;
  readonly code?: string;
}

/** A note of the handler: what happened (begin or end), for which path, replica and attempt, and when. */
interface Note {
  readonly what: string;
  readonly path: string;
  readonly replica: string;
  readonly attempt: number;
  readonly at: number;
}

async function notes(): Promise<Note[]> {
  return (await workers.runs()).map((line) => {
    const [what = '', , path = '', replica = '', attempt, at] = line.split(' ');
    return { what, path, replica, attempt: Number(attempt), at: Number(at) };
  });
}

/** @returns the paths in the order in which their runs started. */
const started = async (): Promise<string[]> =>
  (await notes()).filter(({ what }) => what === 'begin').map(({ path }) => path);

/** Starts two gateways over the same replicas; the first one has the controller. */
async function startTwo(settings: NodeJS.ProcessEnv = {}): Promise<{ one: string; two: string }> {
  const current = system();
  const shared = { HANDLER: handlerFile('flaky'), LEDGER: workers.ledger(), ...settings };
  const first = await current.start({ REPLICAS: '2', ...shared });
  const second = await current.start({ ROLE: 'gateway', ...shared });
  await second.gateway.watcher.until(({ ring }) => ring.size > 0, 10_000);
  return { one: first.url, two: second.url };
}

/** Sends an async request. @returns the path of its record. */
async function sendAsync(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<string> {
  const response = await fetch(url, { method, headers: { prefer: 'respond-async', ...headers } });
  await response.arrayBuffer();
  expect(response.status).toBe(202);
  return response.headers.get('location') ?? '';
}

async function ended(url: string, location: string): Promise<View> {
  return (await (await fetch(`${url}${location}?wait=20`)).json()) as View;
}

describe('Ringpost-Attempts', () => {
  it('retries after 503 until the request is done, for waiting and for async clients', async () => {
    const { one, two } = await startTwo();
    const headers = { 'ringpost-attempts': '3' };
    const waited = await fetch(`${one}/waited?fail=2`, { headers });
    expect([waited.status, await waited.json()]).toEqual([200, expect.objectContaining({ attempt: 3 })]);
    expect(await ended(two, await sendAsync(`${one}/handed?fail=2`, headers))).toMatchObject({
      state: 'done',
      attempts: 3,
    });
  });

  it('is a limit: after it the last answer is passed on, and the request has failed', async () => {
    const { one, two } = await startTwo({ ATTEMPTS: '2' });
    const location = await sendAsync(`${one}/x?fail=9&status=429`);
    expect(await ended(two, location)).toMatchObject({ state: 'failed', attempts: 2, code: 'http_429' });
    const reply = await fetch(`${two}${location}/reply`);
    expect([reply.status, await reply.text()]).toEqual([429, 'failed 2']);
    expect(await started()).toEqual(['/x', '/x']);
  });

  it('applies to repeatable requests only, and stops if the answer says so', async () => {
    const { one } = await startTwo({ ATTEMPTS: '5' });
    const status = async (path: string, init: RequestInit = {}): Promise<number> =>
      (await fetch(`${one}${path}`, init)).status;
    expect(await status('/post?fail=1', { method: 'POST' })).toBe(503);
    expect(await status('/no?fail=1&ringpost-no-retry=1')).toBe(503);
    expect(await status('/one?fail=1', { headers: { 'ringpost-attempts': '1' } })).toBe(503);
    const opted = { method: 'POST', headers: { 'ringpost-retry': 'always' } };
    expect(await status('/opted?fail=1', opted)).toBe(200);
    expect((await started()).toSorted()).toEqual(['/no', '/one', '/opted', '/opted', '/post']);
  });

  it('waits as long as Retry-After says', async () => {
    const { one } = await startTwo();
    const answer = await fetch(`${one}/x?fail=1&retry-after=1`, { headers: { 'ringpost-attempts': '2' } });
    expect(answer.status).toBe(200);
    const [, end, again] = await notes();
    expect((again?.at ?? 0) - (end?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('does not count runs that were lost with their worker, since they brought no answer', async () => {
    const { one, two } = await startTwo({ REPLICAS: '1' });
    const location = await sendAsync(`${one}/x?ms=600&fail=2`, { 'ringpost-attempts': '2' });
    await eventually(async () => (await started()).length === 1);
    process.kill((await leaseOf(system(), 'S1'))?.pid ?? 0, 'SIGKILL');
    expect(await ended(two, location)).toMatchObject({ state: 'done', attempts: 3 });
    expect(await started()).toHaveLength(3);
  });
});

describe('Ringpost-Delay', () => {
  it('keeps a request from running earlier, for waiting and for async clients', async () => {
    const { one, two } = await startTwo();
    const before = Date.now();
    const date = new Date(before + 2500).toUTCString();
    const [location, waited] = await Promise.all([
      sendAsync(`${one}/date`, { 'ringpost-delay': date }),
      fetch(`${one}/seconds`, { headers: { 'ringpost-delay': '1' } }),
    ]);
    expect(waited.status).toBe(200);
    expect(await ended(two, location)).toMatchObject({ state: 'done', attempts: 1 });
    const at = Object.fromEntries((await notes()).map((note) => [`${note.what} ${note.path}`, note.at]));
    expect(at['begin /seconds']).toBeGreaterThanOrEqual(before + 990);
    expect(at['begin /date']).toBeGreaterThanOrEqual(Date.parse(date) - 10);
  });

  it('is refused if it is longer than the deadline, and claims no key', async () => {
    const { one } = await startTwo({ REPLY_TIMEOUT_MS: '2000' });
    const late = { method: 'POST', headers: { 'ringpost-delay': '3', 'idempotency-key': 'k' } };
    const status = async (init: RequestInit): Promise<number> => (await fetch(`${one}/x`, init)).status;
    expect(await status({ headers: { 'ringpost-delay': '3' } })).toBe(400);
    const asyncHeaders = { prefer: 'respond-async', 'ringpost-delay': '3', 'ringpost-deadline': '1000' };
    expect(await status({ ...late, headers: { ...late.headers, ...asyncHeaders } })).toBe(400);
    expect(await system().redis.keys(`${system().keys.prefix}:idempotency:*`)).toEqual([]);
  });

  it('leaves time to cancel the request', async () => {
    const { one, two } = await startTwo();
    const location = await sendAsync(`${one}/x`, { 'ringpost-delay': '3600' });
    const cancelled = await fetch(`${two}${location}`, { method: 'DELETE' });
    expect(await cancelled.json()).toMatchObject({ state: 'cancelled', attempts: 0 });
    expect(await started()).toEqual([]);
  });
});

describe('Ringpost-Priority', () => {
  it('decides which request runs next: none and 0 first, 9 last', async () => {
    const { one, two } = await startTwo({ REPLICAS: '1', CONCURRENCY: '1' });
    await sendAsync(`${one}/busy?ms=600`);
    await eventually(async () => (await started()).length === 1);
    const last = await sendAsync(`${one}/nine`, { 'ringpost-priority': '9' });
    await sendAsync(`${one}/two`, { 'ringpost-priority': '2' });
    await sendAsync(`${two}/none`);
    await sendAsync(`${two}/zero`, { 'ringpost-priority': '0' });
    await ended(two, last);
    expect(await started()).toEqual(['/busy', '/none', '/zero', '/two', '/nine']);
  });
});

describe('Ringpost-Deadline', () => {
  it('ends the request: 504 at the deadline, and a waiting request does not run', async () => {
    const { one, two } = await startTwo({ REPLICAS: '1', CONCURRENCY: '1' });
    const began = performance.now();
    const late = await fetch(`${one}/slow?ms=1500`, { headers: { 'ringpost-deadline': '300' } });
    expect(late.status).toBe(504);
    expect(performance.now() - began).toBeLessThan(1400);
    await sendAsync(`${one}/busy?ms=600`);
    const location = await sendAsync(`${one}/never`, { 'ringpost-deadline': '100' });
    expect(await ended(two, location)).toMatchObject({ state: 'expired', attempts: 0 });
    await delay(700);
    expect(await started()).not.toContain('/never');
  });

  it('reaches an upstream as the remaining time', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    await fetch(`${url}/x`, { headers: { 'ringpost-deadline': '5000' } });
    const seen = upstream.got.at(-1)?.headers ?? [];
    const left = Number(seen[seen.findIndex((name) => name.toLowerCase() === 'ringpost-deadline') + 1]);
    expect(left).toBeGreaterThan(3000);
    expect(left).toBeLessThanOrEqual(5000);
  });
});

describe('Ringpost-Order', () => {
  const ordered = (key: string): Record<string, string> => ({ 'ringpost-order': 'key', 'ringpost-key': key });

  /** Expects that each request of a key started after all those accepted before it had ended. */
  function expectInOrder(all: readonly Note[], accepted: readonly string[]): void {
    const first = new Map<string, number>();
    all.forEach(({ what, path }, at) => {
      if (what === 'begin' && !first.has(path)) first.set(path, at);
    });
    expect([...first.keys()]).toEqual(accepted);
    let running = 0;
    for (const { what } of all) {
      running += what === 'begin' ? 1 : -1;
      expect(running).toBeLessThanOrEqual(1);
    }
  }

  it('runs the requests of one key one at a time, as accepted, across two gateways', async () => {
    const { one, two } = await startTwo({ REPLICAS: '3' });
    const accepted: string[] = [];
    let location = '';
    for (let at = 0; at < 40; at += 1) {
      accepted.push(`/${at}`);
      const url = `${at % 2 === 0 ? one : two}/${at}?ms=${(at * 7) % 30}`;
      location = await sendAsync(url, ordered('k'), at % 3 === 0 ? 'GET' : 'POST');
    }
    expect(await ended(one, location)).toMatchObject({ state: 'done' });
    expectInOrder(await notes(), accepted);
    const { redis, keys } = system();
    await expect.poll(() => redis.keys(`${keys.prefix}:line:*`)).toEqual([]);
  });

  it('runs different keys in parallel', async () => {
    const { one } = await startTwo({ REPLICAS: '1' });
    const began = performance.now();
    const locations = await Promise.all(
      Array.from({ length: 10 }, (_, at) => sendAsync(`${one}/${at}?ms=300`, ordered(`key-${at}`))),
    );
    await Promise.all(locations.map((location) => ended(one, location)));
    expect(performance.now() - began).toBeLessThan(2000);
  });

  it('holds if workers die, and if a request in the line is cancelled', async () => {
    const { one, two } = await startTwo({ REPLICAS: '2' });
    const accepted: string[] = [];
    const locations: string[] = [];
    for (let at = 0; at < 12; at += 1) {
      accepted.push(`/${at}`);
      locations.push(await sendAsync(`${at % 2 === 0 ? one : two}/${at}?ms=150`, ordered('k')));
    }
    await fetch(`${one}${locations[6]}`, { method: 'DELETE' });
    for (const seen of [2, 5]) {
      await eventually(async () => new Set(await started()).size >= seen);
      for (const name of ['S1', 'S2']) process.kill((await leaseOf(system(), name))?.pid ?? 0, 'SIGKILL');
    }
    expect(await ended(one, locations.at(-1) ?? '')).toMatchObject({ state: 'done' });
    const starts: string[] = [];
    for (const path of await started()) if (!starts.includes(path)) starts.push(path);
    expect(starts).toEqual(accepted.filter((path) => path !== '/6'));
  });

  it('holds if a replica is removed and another one gets its keys', async () => {
    const { one, two } = await startTwo({ REPLICAS: '2' });
    const accepted: string[] = [];
    const locations: string[] = [];
    const add = async (count: number): Promise<string> => {
      for (let at = 0; at < count; at += 1) {
        const path = `/${accepted.length}`;
        accepted.push(path);
        locations.push(await sendAsync(`${at % 2 === 0 ? one : two}${path}?ms=120`, ordered('k')));
      }
      return locations.at(-1)?.split('.').at(-1) ?? '';
    };
    const before = await add(8);
    expect((await remove(one, 1, [before])).status).toBe(200);
    const after = await eventually(async () => {
      const owner = await add(1);
      return owner !== before && owner;
    });
    await add(7);
    expect(after).not.toBe(before);
    expect(await ended(two, locations.at(-1) ?? '')).toMatchObject({ state: 'done', replica: after });
    expectInOrder(await notes(), accepted);
    expect(new Set((await notes()).map(({ replica }) => replica))).toEqual(new Set([before, after]));
  });

  it('does not wait for a delayed request, which joins the line when it is due', async () => {
    const { one, two } = await startTwo();
    const late = await sendAsync(`${one}/delayed?ms=100`, { ...ordered('k'), 'ringpost-delay': '2' });
    const before = performance.now();
    const answers = await Promise.all(
      ['/a', '/b', '/c'].map((path) => fetch(`${two}${path}?ms=50`, { headers: ordered('k') })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(performance.now() - before).toBeLessThan(1500);
    expect(await ended(one, late)).toMatchObject({ state: 'done' });
    const all = await notes();
    expectInOrder(all, [...new Set((await started()).filter((path) => path !== '/delayed')), '/delayed']);
    const { redis, keys } = system();
    await expect.poll(() => redis.keys(`${keys.prefix}:line:*`)).toEqual([]);
  });

  it.each([
    ['delays the others', 'key', ['/retried', '/retried', '/next', '/last']],
    [
      'lets the others pass with on-retry=pass',
      'key; on-retry=pass',
      ['/retried', '/next', '/last', '/retried'],
    ],
  ])('a request that is retried %s', async (_, order, begins) => {
    const { one, two } = await startTwo();
    const headers = { ...ordered('k'), 'ringpost-order': order, 'ringpost-attempts': '2' };
    const retried = await sendAsync(`${one}/retried?fail=1&retry-after=2`, headers);
    const last = [
      await sendAsync(`${two}/next?ms=50`, ordered('k')),
      await sendAsync(`${one}/last`, ordered('k')),
    ];
    for (const location of [retried, ...last]) {
      expect(await ended(one, location)).toMatchObject({ state: 'done' });
    }
    expect(await started()).toEqual(begins);
    const at = (await notes()).filter(({ what }) => what === 'begin').map((note) => note.at);
    const again = begins.lastIndexOf('/retried');
    expect((at[again] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(1990);
  });

  it('skips a request whose deadline passed while it waited for its replica', async () => {
    const { one } = await startTwo();
    const { redis, keys } = system();
    const stuck = requestId(randomUUID(), 'S1');
    const line = keys.line(createHash('sha256').update('k').digest('base64url').slice(0, 22));
    const data = { method: 'GET', target: '/stuck', headers: ['x', '"deadline":9'], deadline: Date.now() };
    await redis.hset(keys.job('S1', stuck), 'data', JSON.stringify(data));
    await redis.zadd(line, (Date.now() - 10_000) * 1000, stuck);
    const before = performance.now();
    const { status } = await fetch(`${one}/x`, { headers: ordered('k') });
    expect(status).toBe(200);
    expect(performance.now() - before).toBeGreaterThan(1000);
    await redis.del(keys.job('S1', stuck));
  });

  it('a request that leaves the line early wakes up no other', async () => {
    const { one, two } = await startTwo();
    const retry = { ...ordered('k'), 'ringpost-attempts': '2' };
    const first = await sendAsync(`${one}/first?fail=1&retry-after=3`, retry);
    await eventually(async () => (await started()).length === 1);
    const late = await sendAsync(`${two}/late`, { ...ordered('k'), 'ringpost-deadline': '500' });
    expect(await ended(two, late)).toMatchObject({ state: 'expired' });
    expect(await ended(one, first)).toMatchObject({ state: 'done' });
    const [, end, again] = await notes();
    expect((again?.at ?? 0) - (end?.at ?? 0)).toBeGreaterThanOrEqual(2990);
  });

  it('goes on at once if a request is cancelled between its attempts', async () => {
    const { one, two } = await startTwo();
    const retry = { ...ordered('k'), 'ringpost-attempts': '2' };
    const first = await sendAsync(`${one}/first?fail=1&retry-after=30`, retry);
    await eventually(async () => (await started()).length === 1);
    const waits = fetch(`${two}/next`, { headers: ordered('k') });
    const stateNow = async (): Promise<string> =>
      ((await (await fetch(`${one}${first}`)).json()) as View).state;
    await eventually(async () => (await stateNow()) === 'queued');
    const before = performance.now();
    expect((await fetch(`${two}${first}`, { method: 'DELETE' })).status).toBe(200);
    expect((await waits).status).toBe(200);
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it('is refused if the key is random', async () => {
    const { one } = await startTwo();
    const refused = await fetch(`${one}/x`, { headers: { 'ringpost-order': 'key' } });
    expect([refused.status, ((await refused.json()) as View).code]).toEqual([400, 'hash_key_missing']);
  });
});
