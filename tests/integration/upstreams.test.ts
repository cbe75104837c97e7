import { describe, expect, it } from 'vitest';
import { unloadedExitCode } from '#shared/contract/unloaded.ts';
import { add, failureOf, remove } from '../fixtures/admin-calls.ts';
import { serve } from '../fixtures/http-server.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const { launch } = useWorkers();
const keys = Array.from({ length: 40 }, (_, at) => `tenant-${at}`);

/**
 * Starts servers that count requests by key in their own memory. `GET /slow` waits for `release`.
 * @returns their URLs.
 */
async function counting(servers: number, release: Promise<void> = Promise.resolve()): Promise<string[]> {
  return Promise.all(
    Array.from({ length: servers }, (_, at) => {
      const counts = new Map<string, number>();
      return serve((request, response) => {
        const key = String(request.headers['ringpost-key']);
        const count = (counts.get(key) ?? 0) + 1;
        counts.set(key, count);
        const answer = { server: at, replica: request.headers['ringpost-replica'], count };
        const end = (): void => void response.end(JSON.stringify(answer));
        if (request.url === '/slow') void release.then(end);
        else end();
      });
    }),
  );
}

interface Count {
  readonly server: number;
  readonly replica: string;
  readonly count: number;
}

/** Sends one request for each key. @returns the answers by key. */
async function round(url: string): Promise<ReadonlyMap<string, Count>> {
  const answers = keys.map(async (key) => {
    const response = await fetch(`${url}/`, { headers: { 'ringpost-key': key } });
    expect(response.status).toBe(200);
    return [key, (await response.json()) as Count] as const; // as `counting` answers
  });
  return new Map(await Promise.all(answers));
}

/** @returns the server of each replica that has answered, e.g. `{ S1: 0 }`. */
function serversOf(answers: ReadonlyMap<string, Count>): Record<string, number> {
  const pairs = [...answers.values()].map(({ replica, server }) => [replica, server] as const);
  const servers = Object.fromEntries(pairs);
  for (const [replica, server] of pairs) expect(servers[replica]).toBe(server);
  return servers;
}

interface Shown {
  readonly name: string;
  readonly state: string;
  readonly reason?: string;
  readonly upstream?: string | null;
}

interface ShownRing {
  readonly replicas: readonly Shown[];
  readonly retired: readonly Shown[];
}

async function shown(url: string): Promise<ShownRing> {
  return (await (await fetch(`${url}/-/ring`)).json()) as ShownRing; // as the route answers
}

const untilReady = (url: string, count: number): Promise<boolean> =>
  eventually(async () => {
    const { replicas } = await shown(url);
    return replicas.filter(({ state }) => state === 'ready').length === count;
  });

const untilForgotten = (url: string): Promise<boolean> =>
  eventually(async () => (await shown(url)).retired.length === 0);

function ownedBy({ gateway }: RunningGateway, replica: string): string {
  return keys.find((key) => gateway.watcher.ring.owner(key) === replica) ?? expect.unreachable();
}

describe('replicas with UPSTREAMS', () => {
  it('keep the state of a key on one server while others are added and removed', async () => {
    const servers = await counting(4);
    const { url } = await system().start({ UPSTREAMS: servers.join(','), REPLICAS: '3' });
    const first = await round(url);
    expect(serversOf(first)).toEqual({ S1: 0, S2: 1, S3: 2 });
    expect((await add(url, 1, ['S4'])).status).toBe(200);
    const second = await round(url);
    expect(serversOf(second)).toEqual({ S1: 0, S2: 1, S3: 2, S4: 3 });
    for (const [key, { replica, count }] of second)
      expect([key, count]).toEqual([key, replica === 'S4' ? 1 : 2]);
    expect((await remove(url, 1, ['S2'])).status).toBe(200);
    const third = await round(url);
    expect(serversOf(third)).toEqual({ S1: 0, S3: 2, S4: 3 });
    for (const [key, { count }] of third) {
      const before = second.get(key);
      if (before?.replica !== 'S2') expect([key, count]).toEqual([key, (before?.count ?? 0) + 1]);
    }
    const { replicas } = await shown(url);
    expect(replicas.map(({ name, upstream }) => [name, upstream])).toEqual([
      ['S1', servers[0]],
      ['S3', servers[2]],
      ['S4', servers[3]],
    ]);
  });

  it('are as many as there are servers, and a removed one frees its server only when it is gone', async () => {
    const { promise, resolve: release } = Promise.withResolvers<void>();
    const servers = await counting(3, promise);
    const running = await system().start({ UPSTREAMS: servers.join(',') });
    const { url } = running;
    expect(Object.keys(serversOf(await round(url))).toSorted()).toEqual(['S1', 'S2', 'S3']);
    expect(failureOf(await add(url, 1, ['S9']), 400)).toBe(
      'n is 1, but UPSTREAMS lists 3 servers, one for each replica, and only 0 can be used',
    );
    const slow = fetch(`${url}/slow`, { headers: { 'ringpost-key': ownedBy(running, 'S2') } });
    await eventually(async () => (await system().redis.llen(system().keys.unfinished('S2').active)) === 1);
    expect((await remove(url, 1, ['S2'])).status).toBe(200);
    expect(failureOf(await add(url, 1, ['S9']), 400)).toBe(
      'n is 1, but UPSTREAMS lists 3 servers, one for each replica, and only 0 can be used; ' +
        'removed replicas use theirs until they are gone: S2',
    );
    expect((await shown(url)).retired).toMatchObject([{ name: 'S2', upstream: servers[1] }]);
    release();
    expect(await (await slow).json()).toMatchObject({ server: 1, replica: 'S2' });
    await untilForgotten(url);
    expect((await add(url, 1, ['S9'])).status).toBe(200);
    expect(serversOf(await round(url))).toEqual({ S1: 0, S3: 2, S9: 1 });
  });

  it('inherit the server of a dead replica that they replace', async () => {
    const servers = await counting(3);
    const { url } = await system().start({ UPSTREAMS: servers.join(','), RESPAWN: 'new' });
    const before = await round(url);
    process.kill((await leaseOf(system(), 'S2'))?.pid ?? Number.NaN, 'SIGKILL');
    const replacement = await eventually(async () => {
      const { replicas } = await shown(url);
      const names = replicas.filter(({ state }) => state === 'ready').map(({ name }) => name);
      return names.length === 3 && names.find((name) => !['S1', 'S2', 'S3'].includes(name));
    });
    const after = await round(url);
    expect(serversOf(after)).toEqual({ S1: 0, S3: 2, [replacement]: 1 });
    for (const [key, { replica, count }] of before)
      if (replica !== 'S2' && after.get(key)?.replica === replica)
        expect(after.get(key)?.count).toBe(count + 1);
    await untilForgotten(url);
    expect(await system().redis.hgetall(system().keys.upstreamPositions)).toEqual({
      S1: '0',
      S3: '2',
      [replacement]: '1',
    });
  });

  it('get their servers if UPSTREAMS is set on a system that exists', async () => {
    const current = system();
    const first = await current.start({ REPLICAS: '2' });
    expect((await shown(first.url)).replicas[0]).not.toHaveProperty('upstream');
    await first.stop();
    const servers = await counting(3);
    const second = await current.start({ UPSTREAMS: servers.join(',') });
    // The ring of the first system is still there when the second one starts.
    await untilReady(second.url, 2);
    expect(serversOf(await round(second.url))).toEqual({ S1: 0, S2: 1 });
    expect((await add(second.url, 1, ['S7'])).status).toBe(200);
    await second.stop();
    // A list that grows at its end changes nothing for those that are there.
    const third = await current.start({ UPSTREAMS: [...servers, ...(await counting(1))].join(',') });
    expect((await shown(third.url)).replicas.map(({ upstream }) => upstream)).toEqual(servers);
    await third.stop();
    const fourth = await current.start({ REPLICAS: '2' });
    await eventually(async () => (await current.redis.exists(current.keys.upstreams)) === 0);
    expect((await add(fourth.url, 2)).status).toBe(200);
  });

  it('are not started if the list is too short for them, and say so', async () => {
    const current = system();
    const servers = await counting(3);
    const first = await current.start({ UPSTREAMS: servers.join(',') });
    await first.stop();
    const { url } = await current.start({ UPSTREAMS: servers.slice(0, 2).join(','), ROLE: 'gateway' });
    expect((await shown(url)).replicas).toHaveLength(3);
    const controller = current.start({ UPSTREAMS: servers.slice(0, 2).join(',') });
    const reason = 'UPSTREAMS lists 2 servers, and other replicas use them';
    const lost = await eventually(async () =>
      (await shown(url)).replicas.find((replica) => replica.reason === reason),
    );
    expect(lost).toMatchObject({ name: 'S3', state: 'lost', upstream: null });
    expect((await remove(url, 1, ['S3'])).status).toBe(200);
    await controller;
    await untilReady(url, 2);
    expect(serversOf(await round(url))).toEqual({ S1: 0, S2: 1 });
  });

  it('keep their servers if Redis loses the positions', async () => {
    const { start, redis, keys: redisKeys } = system();
    const servers = await counting(4);
    const { url } = await start({ UPSTREAMS: servers.join(','), REPLICAS: '3' });
    expect((await remove(url, 1, ['S1'])).status).toBe(200);
    await untilForgotten(url);
    const positions = { S2: '1', S3: '2' };
    expect(await redis.hgetall(redisKeys.upstreamPositions)).toEqual(positions);
    await redis.del(redisKeys.upstreamPositions);
    await eventually(async () => (await redis.hlen(redisKeys.upstreamPositions)) === 2);
    expect(await redis.hgetall(redisKeys.upstreamPositions)).toEqual(positions);
    await redis.hset(redisKeys.upstreamPositions, { S3: 'x', S2: '-1' });
    await eventually(async () => (await redis.hget(redisKeys.upstreamPositions, 'S3')) === '2');
    await redis.set(redisKeys.upstreamPositions, 'x');
    await redis.set(redisKeys.upstreams, 'x');
    await eventually(async () => (await redis.type(redisKeys.upstreamPositions)) === 'hash');
    expect(await redis.hgetall(redisKeys.upstreamPositions)).toEqual(positions);
    await eventually(async () => (await redis.get(redisKeys.upstreams)) === JSON.stringify(servers));
  });
});

describe('a worker that was started by hand, with UPSTREAMS', () => {
  it('serves with the server of its replica, also if it is there before the controller', async () => {
    const current = system();
    const UPSTREAMS = (await counting(2)).join(',');
    const settings = { HANDLER: '', UPSTREAMS };
    launch(current, 'S1', settings);
    launch(current, 'S2', settings);
    const { url } = await current.start({ UPSTREAMS, REPLICA_DRIVER: 'none' });
    expect(serversOf(await round(url))).toEqual({ S1: 0, S2: 1 });
  });

  it('ends with an error that says what to do if its replica has no server', async () => {
    const current = system();
    const [first = ''] = await counting(1);
    const stray = launch(current, 'S7', { HANDLER: '', UPSTREAMS: first });
    expect((await stray.exited).code).toBe(unloadedExitCode);
    expect(stray.stderr()).toContain(
      'UPSTREAMS is set, but S7 has no position in it. The controller gives positions: start it with the ' +
        'same UPSTREAMS, and add S7 with /add if it is no replica yet',
    );
    await current.redis.hset(current.keys.upstreamPositions, 'S7', '3');
    const beyond = launch(current, 'S7', { HANDLER: '', UPSTREAMS: first });
    expect((await beyond.exited).code).toBe(unloadedExitCode);
    expect(beyond.stderr()).toContain('UPSTREAMS lists 1 servers here, but S7 has number 4.');
  });
});
