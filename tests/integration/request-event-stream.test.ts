import { EventSource } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '#shared/process/logger.ts';
import { RequestNotes } from '#shared/store/records/request-notes.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import { monitored } from '../fixtures/monitored.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const sources: EventSource[] = [];

afterEach(() => {
  for (const source of sources.splice(0)) source.close();
});

const start = (settings: NodeJS.ProcessEnv = {}): Promise<RunningGateway> =>
  system().start({ HANDLER: workers.handler, LEDGER: workers.ledger(), REPLICAS: '1', ...settings });

async function sendAsync(url: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${url}${path}`, { headers: { prefer: 'respond-async', ...headers } });
  return answer.headers.get('ringpost-request') ?? '';
}

/** Reads one stream to its end. */
async function read(url: string, id: string, last?: string): Promise<{ status: number; events: string[] }> {
  const headers: Record<string, string> = { accept: 'text/event-stream' };
  if (last !== undefined) headers['last-event-id'] = last;
  const response = await fetch(`${url}/-/requests/${id}`, { headers });
  const events = [...(await response.text()).matchAll(/^id: (\d+)\nevent: (\w+)$/gm)];
  return { status: response.status, events: events.map(([, change, event]) => `${change} ${event}`) };
}

/** Opens an `EventSource` and collects its events until it closes for good. */
function listen(url: string, id: string): { heard: string[]; closed: Promise<void>; opened: () => number } {
  const source = new EventSource(`${url}/-/requests/${id}`);
  sources.push(source);
  const heard: string[] = [];
  let opened = 0;
  for (const event of ['queued', 'running', 'done', 'failed', 'cancelled', 'expired']) {
    source.addEventListener(event, (each) => {
      if ('lastEventId' in each) heard.push(`${String(each.lastEventId)} ${event}`);
    });
  }
  source.addEventListener('open', () => (opened += 1));
  const closed = new Promise<void>((resolve) => {
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) resolve();
    });
  });
  return { heard, closed, opened: () => opened };
}

describe('the end of a request', () => {
  it('is sent to each client that has not seen it, and a client that has seen it gets 204', async () => {
    const { url } = await start();
    const id = await sendAsync(url, '/x');
    await fetch(`${url}/-/requests/${id}?wait=20`);
    for (const last of [undefined, '0', '2', 'x']) {
      expect(await read(url, id, last)).toEqual({ status: 200, events: ['3 done'] });
    }
    for (const last of ['3', '4']) expect(await read(url, id, last)).toEqual({ status: 204, events: [] });
  });

  it('is sent if the deadline has passed and is not recorded yet, and then 204', async () => {
    const { url } = await start();
    // The request is delayed past its deadline, so no worker sees it.
    const id = await sendAsync(url, '/x', { 'ringpost-delay': '3600' });
    const { redis, keys } = system();
    const listening = listen(url, id);
    await eventually(async () => listening.heard.length === 1);
    await redis.hset(keys.request(replicaOf(id) ?? '', id), 'deadline', Date.now());
    await listening.closed;
    expect(listening.heard).toEqual(['1 queued', '2 expired']);
    expect(await read(url, id, '1')).toEqual({ status: 200, events: ['2 expired'] });
    expect(await read(url, id, '2')).toEqual({ status: 204, events: [] });
  });

  it('is sent to a client that claims to have seen future changes', async () => {
    const { url } = await start();
    const id = await sendAsync(url, '/x?ms=300');
    const { events, status } = await read(url, id, '1000');
    expect([status, events.at(-1)]).toEqual([200, '3 done']);
  });

  it('by DELETE of a request without a record is sent', async () => {
    const { url } = await start();
    const waited = fetch(`${url}/x?ms=20000`);
    await eventually(async () => (await workers.runs()).length === 1);
    const { connection, redis, keys, redisUrl } = system();
    const [id = ''] = await redis.lrange(keys.unfinished('S1').active, 0, -1);
    const listening = listen(url, id);
    await eventually(async () => listening.heard.length === 1);
    const terms = { keepMs: 60_000, deadline: Date.now() + 60_000 };
    // The gateway checks the job after its removal and before its end is recorded.
    let checks = 0;
    await monitored(redisUrl, ([command, key]) => {
      if (command?.toLowerCase() === 'hmget' && key === keys.job('S1', id)) checks += 1;
    });
    await redis.rename(keys.job('S1', id), keys.job('S1', `${id}-hidden`));
    const before = checks;
    await redis.publish(keys.requestChanges(id), '');
    await eventually(async () => checks > before);
    const notes = new RequestNotes(connection, createLogger('test', 'silent'));
    await notes.note('S1', id, terms, 'cancelled', { kind: 'cancelled' }, ['finished', Date.now()]);
    await redis.rename(keys.job('S1', `${id}-hidden`), keys.job('S1', id));
    await listening.closed;
    expect(listening.heard).toEqual(['0 running', '1 cancelled']);
    await fetch(`${url}/-/requests/${id}`, { method: 'DELETE' });
    await redis.publish(keys.cancellations, id);
    expect((await waited).status).toBe(409);
  });
});

it('an EventSource gets each change once, reconnects after the end, and stops', async () => {
  const { url } = await start();
  const id = await sendAsync(url, '/x?ms=700');
  const { heard, closed, opened } = listen(url, id);
  await closed;
  expect(heard.at(-1)).toBe('3 done');
  expect(new Set(heard).size).toBe(heard.length);
  expect(opened()).toBe(1);
});

it('an EventSource whose gateway stops continues at the next one without repeats', async () => {
  const { url } = await start();
  const other = await system().start({ ROLE: 'gateway' });
  await other.gateway.watcher.until(({ ring }) => ring.size > 0, 10_000);
  const port = new URL(other.url).port;
  const id = await sendAsync(url, '/x?ms=2500');
  await eventually(async () => (await workers.runs()).length === 1);
  const { heard, closed } = listen(other.url, id);
  await eventually(async () => heard.length > 0);
  await other.stop();
  await system().start({ ROLE: 'gateway', PORT: port });
  await closed;
  expect(heard).toEqual(['2 running', '3 done']);
});
