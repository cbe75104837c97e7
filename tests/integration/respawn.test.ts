import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const { ledger, runs } = useWorkers();
const handler = fileURLToPath(new URL('../fixtures/handlers/killer.ts', import.meta.url));

function settings(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return {
    RESPAWN: 'new',
    REPLICAS: '3',
    MAX_REPLICAS: '3',
    HANDLER: handler,
    LEDGER: ledger(),
    ...more,
  };
}

function keyOf({ gateway }: RunningGateway, replica: string): string {
  for (let at = 0; ; at += 1) if (gateway.watcher.ring.owner(`key-${at}`) === replica) return `key-${at}`;
}

async function rep(url: string): Promise<string[]> {
  const { message } = (await (await fetch(`${url}/rep`)).json()) as { message: { replicas: string[] } };
  return message.replicas;
}

/** Waits until `count` replicas serve without `dead`. @returns their names. */
function untilReplaced(url: string, dead: string, count = 3): Promise<string[]> {
  return eventually(async () => {
    const names = await rep(url);
    return names.length === count && !names.includes(dead) && names;
  });
}

async function runsOf(path: string): Promise<string[]> {
  return (await runs()).filter((line) => line.includes(` ${path} `));
}

async function pidOf(replica: string): Promise<number> {
  return (await leaseOf(system(), replica))?.pid ?? Number.NaN;
}

function change(url: string, method: string, path: string, hostname: string): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}${path}`, { method, headers, body: JSON.stringify({ n: 1, hostnames: [hostname] }) });
}

/** Watches the ring. @returns the largest numbers of real and of desired replicas since then. */
function watchRep({ gateway: { watcher } }: RunningGateway): () => { most: number; desired: number } {
  let [most, desired] = [0, 0];
  watcher.onChange(() => {
    most = Math.max(most, watcher.ring.members.length);
    desired = Math.max(desired, watcher.state.desired.length);
  });
  return () => ({ most, desired });
}

describe('a replica that dies, with RESPAWN=new', () => {
  it('is replaced in its place under a random name, and only the replacement serves its queue', async () => {
    const current = system();
    const { redis, keys } = current;
    const running = await current.start(settings({ CONCURRENCY: '2' }));
    const { url } = running;
    const most = watchRep(running);
    const headers = { 'ringpost-key': keyOf(running, 'S2') };
    const inFlight = ['GET', 'POST'].map((method) => fetch(`${url}/running?ms=1500`, { method, headers }));
    await eventually(async () => (await runsOf('/running')).length === 2);
    const waiting = ['GET', 'POST', 'PUT'].map((method) => fetch(`${url}/${method}`, { method, headers }));
    await eventually(async () => (await redis.llen(keys.unfinished('S2').wait)) === 3);
    process.kill(await pidOf('S2'), 'SIGKILL');
    const names = await untilReplaced(url, 'S2');
    const [first, replacement = '', last] = names;
    expect([first, last]).toEqual(['S1', 'S3']);
    expect(replacement).toMatch(/^S\d{6}$/);
    const answers = await Promise.all([...inFlight, ...waiting]);
    expect(answers.map(({ status }) => status)).toEqual([200, 502, 200, 200, 200]);
    expect(await answers[1]?.json()).toMatchObject({ code: 'outcome_unknown' });
    for (const answer of answers.filter(({ status }) => status === 200)) {
      expect(answer.headers.get('ringpost-replica')).toBe('S2');
      expect(answer.headers.get('ringpost-adopted-by')).toBe(replacement);
    }
    expect(await runsOf('/running')).toHaveLength(3);
    expect(await runsOf('/running')).toContain(`GET /running ${replacement} 2`);
    for (const method of ['GET', 'POST', 'PUT']) expect(await runsOf(`/${method}`)).toHaveLength(1);
    const own = await fetch(`${url}/own`, { headers: { 'ringpost-key': keyOf(running, replacement) } });
    expect(await own.json()).toMatchObject({ replica: replacement });
    const ring = (await (await fetch(`${url}/-/ring`)).json()) as { replicas: object[] };
    expect(ring.replicas[1]).toMatchObject({ name: replacement, replaces: 'S2', joined: 4, failures: 1 });
    // Once its queue is empty, the dead replica is forgotten.
    await eventually(async () => (await redis.hlen(keys.retired)) + (await redis.hlen(keys.heirs)) === 0);
    expect(await rep(url)).toEqual(names);
    expect(most()).toEqual({ most: 3, desired: 3 });
  });

  it('is the third and last one killed by a request; others lose nothing after the first', async () => {
    const running = await system().start(settings());
    const { url } = running;
    const headers = { 'ringpost-key': keyOf(running, 'S2') };
    const get = fetch(`${url}/beside?ms=1000`, { headers });
    await eventually(async () => (await runsOf('/beside')).length === 1);
    const killed = fetch(`${url}/kill`, { headers });
    await eventually(async () => (await runsOf('/kill')).length === 1);
    const asked: Promise<Response>[] = [];
    for (let at = 0; at < 60; at += 1) {
      asked.push(fetch(`${url}/other?ms=50`, { method: 'POST', headers: { 'ringpost-key': `other-${at}` } }));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const answer = await killed;
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ code: 'worker_died' });
    expect((await get).status).toBe(200);
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(asked.map(() => 200));
    expect((await runsOf('/kill')).map((line) => line.split(' ').at(-1))).toEqual(['1', '2', '3']);
    expect(await untilReplaced(url, 'S2')).toHaveLength(3);
  });

  it('gets a new name even if it was killed because it hung', async () => {
    const current = system();
    const { url } = await current.start(settings({ LEASE_MS: '1000' }));
    process.kill(await pidOf('S3'), 'SIGSTOP');
    expect((await untilReplaced(url, 'S3')).slice(0, 2)).toEqual(['S1', 'S2']);
  });

  it('may be replaced again while its heir still serves its queue', async () => {
    const current = system();
    const running = await current.start(settings());
    const { url } = running;
    const slow = fetch(`${url}/slow?ms=1500`, { headers: { 'ringpost-key': keyOf(running, 'S2') } });
    await eventually(async () => (await runsOf('/slow')).length === 1);
    process.kill(await pidOf('S2'), 'SIGKILL');
    const [, first = ''] = await untilReplaced(url, 'S2');
    await eventually(async () => (await runsOf('/slow')).length === 2);
    process.kill(await pidOf(first), 'SIGKILL');
    const [, second = ''] = await untilReplaced(url, first);
    const answer = await slow;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('ringpost-adopted-by')).toBe(second);
    expect(await answer.json()).toEqual({ replica: second, attempt: 3 });
  });

  it('leaves its queue to other replicas if its replacement is removed too early', async () => {
    const current = system();
    const running = await current.start(settings());
    const { url } = running;
    const slow = fetch(`${url}/slow?ms=1500`, { headers: { 'ringpost-key': keyOf(running, 'S2') } });
    await eventually(async () => (await runsOf('/slow')).length === 1);
    process.kill(await pidOf('S2'), 'SIGKILL');
    const [, heir = ''] = await untilReplaced(url, 'S2');
    await eventually(async () => (await runsOf('/slow')).length === 2);
    process.kill(await pidOf(heir), 'SIGKILL');
    const [, second = ''] = await untilReplaced(url, heir);
    expect((await change(url, 'DELETE', '/rm', second)).status).toBe(200);
    expect((await slow).status).toBe(200);
    expect(await rep(url)).toEqual(['S1', 'S3']);
  });

  it('gets its queue back if it is added again', async () => {
    const current = system();
    const running = await current.start(settings({ MAX_REPLICAS: '4', CONCURRENCY: '1' }));
    const { url } = running;
    const headers = { 'ringpost-key': keyOf(running, 'S2') };
    const asked = [1, 2, 3].map((at) => fetch(`${url}/slow?ms=700&at=${at}`, { headers }));
    await eventually(async () => (await runsOf('/slow')).length === 1);
    process.kill(await pidOf('S2'), 'SIGKILL');
    await untilReplaced(url, 'S2');
    expect((await change(url, 'POST', '/add', 'S2')).status).toBe(200);
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await rep(url)).toHaveLength(4);
    expect(await runsOf('/slow')).toHaveLength(4);
  });
});

describe('a system with RESPAWN=new that is stopped and started again', () => {
  it('has the same replicas as before', async () => {
    const current = system();
    const first = await current.start(settings());
    process.kill(await pidOf('S1'), 'SIGKILL');
    const names = await untilReplaced(first.url, 'S1');
    await first.stop();
    const second = await current.start(settings());
    expect(await rep(second.url)).toEqual(names);
  });
});
