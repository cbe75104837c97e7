import { connect } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { OverviewView } from '#shared/contract/api/overview.ts';
import { readEvents } from '../fixtures/event-reader.ts';
import type { EventReader } from '../fixtures/event-reader.ts';
import { monitored } from '../fixtures/monitored.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const slow = { timeout: 30_000, interval: 50 };
const settings = { REPLICAS: '1', ROLE: 'gateway' };

const named = ({ events }: EventReader, name: string): unknown[] =>
  events.filter((event) => event.name === name).map(({ data }) => data);

it('sends an overview at once, then one from time to time, with samples', async () => {
  const { url } = await system().start(settings);
  const reader = await readEvents(`${url}/-/api/events?topics=overview,live`);
  expect(reader.response.headers.get('content-type')).toBe('text/event-stream');
  expect(reader.response.headers.get('cache-control')).toBe('no-store');
  await expect.poll(() => named(reader, 'overview').length, slow).toBeGreaterThanOrEqual(2);
  expect(named(reader, 'overview')[0]).toMatchObject({ namespace: system().namespace, replicas: [] });
  await expect.poll(() => named(reader, 'sample').length, slow).toBeGreaterThanOrEqual(1);
});

it('sends an overview after a change of the ring, to all who watch, from one reading', async () => {
  const { url } = await system().start({ REPLICAS: '1' });
  const readers = [
    await readEvents(`${url}/-/api/events`),
    await readEvents(`${url}/-/api/events?topics=overview`),
  ];
  for (const reader of readers)
    await expect.poll(() => named(reader, 'overview').length, slow).toBeGreaterThanOrEqual(1);
  const { keys, redisUrl } = system();
  let reads = 0;
  await monitored(redisUrl, ([command = '', key = '']) => {
    if (command.toLowerCase() === 'zcard' && key === keys.deadLetters) reads += 1;
  });
  await fetch(`${url}/rm`, { method: 'DELETE', body: JSON.stringify({ n: 1, replicas: ['S1'] }) });
  // The route says what the data is.
  const removed = (data: unknown): boolean => (data as OverviewView).replicas.length === 0;
  for (const reader of readers)
    await expect.poll(() => named(reader, 'overview').some(removed), slow).toBe(true);
  const overviewsOf = (reader: EventReader | undefined): string[] =>
    reader === undefined ? [] : named(reader, 'overview').map((each) => JSON.stringify(each));
  const seenBySecondOnly = (): string[] => {
    const first = new Set(overviewsOf(readers[0]));
    return overviewsOf(readers[1]).filter((each) => !first.has(each));
  };
  // The next one may have arrived at one of them and not yet at the other.
  await expect.poll(seenBySecondOnly, slow).toEqual([]);
  await expect.poll(() => reads - overviewsOf(readers[0]).length, slow).toBeLessThanOrEqual(0);
});

it('reads nothing but the reports of gateways while nobody watches', async () => {
  const { url } = await system().start(settings);
  const reader = await readEvents(`${url}/-/api/events`);
  await expect.poll(() => named(reader, 'overview').length, slow).toBeGreaterThanOrEqual(1);
  reader.leave();
  const { keys, redisUrl } = system();
  const seen = { overviews: 0, samples: 0 };
  await monitored(redisUrl, ([command = '', key = '']) => {
    if (command.toLowerCase() === 'zcard' && key === keys.deadLetters) seen.overviews += 1;
    if (command.toLowerCase() === 'hgetall' && key === keys.gateways) seen.samples += 1;
  });
  // The one that was due when the client left may still be read.
  await expect.poll(() => seen.samples, slow).toBeGreaterThanOrEqual(3);
  expect(seen.overviews).toBeLessThanOrEqual(1);
});

it('sends requests that have ended to those who watch, with whole ids to admins only', async () => {
  const [admin, viewer] = ['admin-token-of-this-test', 'view-token-of-this-test'];
  const { url } = await system().start({ REPLICAS: '1', ADMIN_TOKEN: admin, VIEW_TOKEN: viewer });
  const read = (token: string): Promise<EventReader> =>
    readEvents(`${url}/-/api/events?topics=live`, { authorization: `Bearer ${token}` });
  const [whole, short] = [await read(admin), await read(viewer)];
  await fetch(`${url}/home?secret=1`, { headers: { 'ringpost-key': 'a' } });
  const ended = { requests: [{ method: 'GET', path: '/home', replica: 'S1', status: 200 }], left: 0 };
  for (const reader of [whole, short])
    await expect.poll(() => named(reader, 'live'), slow).toMatchObject([ended]);
  const id = (reader: EventReader): string => /"id":"([^"]+)"/.exec(JSON.stringify(reader.events))?.[1] ?? '';
  expect(id(whole)).toMatch(/^[0-9a-f-]{36}\.S1$/);
  expect(id(short)).toMatch(/^[0-9a-f]{8}…\.S1$/);
  expect(named(whole, 'overview')).toEqual([]);
});

it('refuses a topic that there is not, and says which there are', async () => {
  const { url } = await system().start(settings);
  const response = await fetch(`${url}/-/api/events?topics=overview,everything`);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: 'request_malformed',
    detail: 'There is no topic "everything"; topics are overview and live.',
  });
});

it('ends its streams when the gateway stops', async () => {
  const { url, stop } = await system().start(settings);
  const reader = await readEvents(`${url}/-/api/events`);
  await expect.poll(() => named(reader, 'overview').length, slow).toBeGreaterThanOrEqual(1);
  await stop();
  await expect.poll(() => reader.ended, slow).toBe(true);
});

it('holds a bounded number of streams, and frees the places of clients that leave', async () => {
  const { url } = await system().start(settings);
  const { port } = new URL(url);
  const open = async (): Promise<{ status: string; close: () => void }> => {
    const socket = connect(Number(port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => undefined);
    socket.write(`GET /-/api/events?topics=live HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    const [head = ''] = await new Promise<string[]>((resolve) => {
      socket.once('data', (chunk) => resolve(String(chunk).split('\r\n')));
    });
    return { status: head, close: () => socket.destroy() };
  };
  const streams = await Promise.all(Array.from({ length: 100 }, open));
  expect(new Set(streams.map(({ status }) => status))).toEqual(new Set(['HTTP/1.1 200 OK']));
  expect((await open()).status).toContain('503');
  for (const { close } of streams) close();
  await expect.poll(async () => (await open()).status, slow).toContain('200');
});
