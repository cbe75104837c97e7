import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startKeptAnswers } from '../fixtures/kept-answers.ts';
import { readLive } from '../fixtures/live-body.ts';
import { metricValues } from '../fixtures/metric-values.ts';
import { monitored } from '../fixtures/monitored.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

interface Note {
  readonly what: string;
  readonly path: string;
}

async function notes(): Promise<Note[]> {
  return (await workers.runs()).map((line) => {
    const [what = '', , path = ''] = line.split(' ');
    return { what, path };
  });
}

const begun = async (): Promise<string[]> =>
  (await notes()).filter(({ what }) => what === 'begin').map(({ path }) => path);

/** @returns how many ran at once, at most, of those whose paths begin so. */
async function mostAtOnce(prefix: string): Promise<number> {
  let [running, most] = [0, 0];
  for (const { what, path } of await notes()) {
    if (!path.startsWith(prefix)) continue;
    running += what === 'begin' ? 1 : -1;
    most = Math.max(most, running);
  }
  return most;
}

/** Starts two gateways over the same replicas; the first one has the controller. */
async function startTwo(settings: NodeJS.ProcessEnv = {}): Promise<{ one: string; two: string }> {
  const shared = { HANDLER: handlerFile('flaky'), LEDGER: workers.ledger(), ...settings };
  const first = await system().start({ REPLICAS: '2', ...shared });
  const second = await system().start({ ROLE: 'gateway', ...shared });
  await second.gateway.watcher.until(({ ring }) => ring.size > 0, 10_000);
  return { one: first.url, two: second.url };
}

const key = (name: string, more: Record<string, string> = {}) => ({ 'ringpost-key': name, ...more });

async function get(url: string, headers: Record<string, string>, init: RequestInit = {}): Promise<number> {
  const response = await fetch(url, { headers, ...init });
  await response.arrayBuffer();
  return response.status;
}

/** Sends an async request. @returns the path of its record. */
async function sendAsync(url: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(url, { headers: { prefer: 'respond-async', ...headers } });
  await response.arrayBuffer();
  expect(response.status).toBe(202);
  return response.headers.get('location') ?? '';
}

const stateOf = async (url: string, location: string): Promise<unknown> =>
  ((await (await fetch(`${url}${location}?wait=20`)).json()) as { state: string }).state;

const noLines = async (): Promise<string[]> => system().redis.keys(`${system().keys.prefix}:line:*`);

describe('KEY_CONCURRENCY', () => {
  it('lets no more requests of a key run at once, over gateways, and delays no other key', async () => {
    const { one, two } = await startTwo({ KEY_CONCURRENCY: '2', CONCURRENCY: '3' });
    const many = Array.from({ length: 10 }, (_, at) =>
      get(`${at % 2 === 0 ? one : two}/a${at}?ms=200`, key('a')),
    );
    await eventually(async () => (await begun()).length >= 2);
    const before = performance.now();
    const others = await Promise.all(
      Array.from({ length: 10 }, (_, at) => get(`${one}/other${at}`, key(`other-${at}`))),
    );
    expect(new Set(others)).toEqual(new Set([200]));
    expect(performance.now() - before).toBeLessThan(700);
    expect(new Set(await Promise.all(many))).toEqual(new Set([200]));
    expect(await mostAtOnce('/a')).toBe(2);
    await expect.poll(noLines).toEqual([]);
  });

  it('runs as many as may at nearly all times: who leaves calls the next one', async () => {
    const { one } = await startTwo({ KEY_CONCURRENCY: '4' });
    const before = performance.now();
    await Promise.all(Array.from({ length: 40 }, (_, at) => get(`${one}/a${at}?ms=100`, key('a'))));
    expect(await mostAtOnce('/a')).toBe(4);
    // Ten rounds of 100 ms.
    expect(performance.now() - before).toBeLessThan(4000);
  });

  it('does not hold for requests with a random key', async () => {
    const { one } = await startTwo({ KEY_CONCURRENCY: '1', REPLICAS: '1' });
    await Promise.all(Array.from({ length: 4 }, () => get(`${one}/r?ms=500`, {})));
    expect(await mostAtOnce('/r')).toBeGreaterThan(1);
  });

  it('goes on if the worker dies that runs them', async () => {
    const { one, two } = await startTwo({ KEY_CONCURRENCY: '2' });
    const locations = await Promise.all(
      Array.from({ length: 6 }, (_, at) => sendAsync(`${at % 2 === 0 ? one : two}/a${at}?ms=300`, key('a'))),
    );
    await eventually(async () => (await begun()).length >= 2);
    for (const name of ['S1', 'S2']) process.kill((await leaseOf(system(), name))?.pid ?? 0, 'SIGKILL');
    for (const location of locations) expect(await stateOf(two, location)).toBe('done');
    const after = (await begun()).slice(2);
    expect(new Set(after)).toEqual(new Set(['/a0', '/a1', '/a2', '/a3', '/a4', '/a5']));
    await expect.poll(noLines).toEqual([]);
  });

  it('goes on if clients leave, and does not run what they sent', async () => {
    const { one, two } = await startTwo({ KEY_CONCURRENCY: '1' });
    const leaving = new AbortController();
    const first = get(`${one}/first?ms=800`, key('a'), { method: 'POST' });
    await eventually(async () => (await begun()).length === 1);
    const gone = Array.from({ length: 3 }, (_, at) =>
      get(`${two}/gone${at}?ms=5000`, key('a'), { signal: leaving.signal }).catch(() => 'gone'),
    );
    const { redis, keys } = system();
    const waiting = async (): Promise<number> => {
      const all = await Promise.all(['S1', 'S2'].map((name) => redis.zcard(keys.unfinished(name).delayed)));
      return all.reduce((sum, each) => sum + each, 0);
    };
    await expect.poll(waiting).toBe(3);
    const last = get(`${one}/last`, key('a'));
    await expect.poll(waiting).toBe(4);
    leaving.abort();
    await expect.poll(waiting).toBe(1);
    expect(await Promise.all(gone)).toEqual(['gone', 'gone', 'gone']);
    expect(await Promise.all([first, last])).toEqual([200, 200]);
    expect(await begun()).toEqual(['/first', '/last']);
    await expect.poll(noLines).toEqual([]);
  });

  it('does not count a request that waits to be tried again', async () => {
    const { one } = await startTwo({ KEY_CONCURRENCY: '1' });
    const tried = sendAsync(`${one}/tried?fail=1&retry-after=2`, key('a', { 'ringpost-attempts': '2' }));
    await eventually(async () => (await begun()).length === 1);
    expect(await get(`${one}/next`, key('a'))).toBe(200);
    expect(await stateOf(one, await tried)).toBe('done');
    expect(await begun()).toEqual(['/tried', '/next', '/tried']);
  });

  it('holds beside Ringpost-Order: ordered requests run one at a time, and all of the key two', async () => {
    const { one, two } = await startTwo({ KEY_CONCURRENCY: '2' });
    const locations: string[] = [];
    for (let at = 0; at < 6; at += 1) {
      const url = at % 2 === 0 ? one : two;
      locations.push(
        await sendAsync(`${url}/k/ordered${at}?ms=80`, key('a', { 'ringpost-order': 'key' })),
        await sendAsync(`${url}/k/other${at}?ms=80`, key('a')),
      );
    }
    for (const location of locations) expect(await stateOf(one, location)).toBe('done');
    expect(await mostAtOnce('/k/')).toBe(2);
    expect(await mostAtOnce('/k/ordered')).toBe(1);
    const ordered = (await begun()).filter((path) => path.startsWith('/k/ordered'));
    expect(ordered).toEqual(Array.from({ length: 6 }, (_, at) => `/k/ordered${at}`));
  });

  it('shows who waits: in the timeline, for the key, and in the metrics', async () => {
    const { one } = await startTwo({ KEY_CONCURRENCY: '1' });
    const first = sendAsync(`${one}/first?ms=1500`, key('a'));
    await eventually(async () => (await begun()).length === 1);
    const location = await sendAsync(`${one}/second`, key('a'));
    const ring = async (): Promise<unknown> =>
      ((await (await fetch(`${one}/-/ring?key=a`)).json()) as { key: { requests?: unknown } }).key.requests;
    await expect.poll(ring).toEqual({ running: 1, waiting: 1 });
    const view = async (): Promise<unknown> => (await fetch(`${one}${location}`)).json();
    await expect.poll(view).toMatchObject({ state: 'queued', waiting: 'It waits for its key (1 run).' });
    await first;
    expect(await stateOf(one, location)).toBe('done');
    const timeline = (await (await fetch(`${one}/-/api${location.slice('/-'.length)}`)).json()) as {
      events: { text: string }[];
    };
    expect(timeline.events.map(({ text }) => text)).toContain('It waits for its key (1 run).');
    await expect
      .poll(async () => (await metricValues(one)).get('ringpost_key_waits_total'), { timeout: 5000 })
      .toBe(1);
    await expect.poll(ring).toBeUndefined();
    expect(await view()).not.toHaveProperty('waiting');
  });

  it('counts a live stream until its end', async () => {
    const { upstream, one, submit } = await startKeptAnswers(system(), { KEY_CONCURRENCY: '1' });
    const streaming = readLive(`${one}/a`, { headers: key('a') });
    const { response } = await upstream.take('/a');
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: one\n\n');
    const first = await streaming;
    await expect.poll(() => first.text).toBe('data: one\n\n');
    await submit('/b', key('a'));
    const taken = upstream.take('/b');
    expect(await Promise.race([taken.then(() => 'runs'), delay(1000, 'waits')])).toBe('waits');
    response.end('data: two\n\n');
    (await taken).response.end();
  });
});

describe('Ringpost-Key-Concurrency', () => {
  it('lowers the limit for the requests that have it, with the setting and without', async () => {
    const { one } = await startTwo({ KEY_CONCURRENCY: '3' });
    const low = key('a', { 'ringpost-key-concurrency': '1' });
    await Promise.all(Array.from({ length: 4 }, (_, at) => get(`${one}/low${at}?ms=100`, low)));
    expect(await mostAtOnce('/low')).toBe(1);
    const high = key('b', { 'ringpost-key-concurrency': '9' });
    await Promise.all(Array.from({ length: 8 }, (_, at) => get(`${one}/high${at}?ms=100`, high)));
    expect(await mostAtOnce('/high')).toBe(3);
    expect(await get(`${one}/x`, key('a', { 'ringpost-key-concurrency': '0' }))).toBe(400);
  });
});

describe('a request without a limit', () => {
  it('uses no line', async () => {
    const { one } = await startTwo({ REPLICAS: '1' });
    await get(`${one}/x`, key('a'));
    const seen: string[] = [];
    await monitored(system().redisUrl, (words) => {
      if (words.some((word) => word.includes(':line:'))) seen.push(words.join(' '));
    });
    await get(`${one}/x`, key('a'));
    await get(`${one}/x`, key('a', { 'ringpost-key-concurrency': '1' }));
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    expect(seen.filter((text) => !text.includes('limit-'))).toEqual([]);
  });
});
