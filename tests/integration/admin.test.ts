import { afterEach, describe, expect, it, vi } from 'vitest';
import { isReplicaName } from '#shared/contract/replica-name.ts';
import {
  add,
  call,
  callJson,
  desiredOf,
  failureOf,
  remove,
  replicasOf,
  ringOf,
  successful,
} from '../fixtures/admin-calls.ts';
import { runCommand } from '../fixtures/command.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';

const system = useSystem();
const first = ['S1', 'S2', 'S3'];

/** Starts a gateway whose replicas are ready as soon as they are desired, without a worker. */
async function startLeased(env: NodeJS.ProcessEnv = {}): Promise<string> {
  await leaseReplicas(system());
  const { url } = await system().start({ REPLICA_DRIVER: 'none', ...env });
  return url;
}

/** Starts a worker by hand; the test ends it. */
function startWorker({ redisUrl, namespace }: System, replica: string): void {
  const worker = runCommand(process.execPath, ['worker/main.ts'], {
    REPLICA: replica,
    REDIS_URL: roleUrl(redisUrl, namespace, 'worker'),
    NAMESPACE: namespace,
  });
  workers.push(worker);
}

const workers: RunningCommand[] = [];
// Hooks run in reverse order: the workers end before the system is taken down.
afterEach(async () => {
  for (const worker of workers.splice(0)) {
    worker.kill('SIGKILL');
    await worker.exited;
  }
});

it('adds and removes at /-/api/replicas too, where the cookie of the dashboard is sent', async () => {
  const url = await startLeased();
  const body = { n: 1, hostnames: ['S4'] };
  const added = await callJson('POST', `${url}/-/api/replicas`, body);
  expect(added).toMatchObject({ status: 200, text: successful([...first, 'S4']) });
  const again = await callJson('POST', `${url}/-/api/replicas`, body);
  expect(again).toMatchObject({ status: 400, text: (await add(url, 1, ['S4'])).text });
  const removed = await callJson('DELETE', `${url}/-/api/replicas`, body);
  expect(removed).toMatchObject({ status: 200, text: successful(first) });
});

describe('the contract with real workers', () => {
  it('answers /rep, /add and /rm with exactly its bodies, and the replicas answer requests', async () => {
    const { url } = await system().start();
    expect(await call('GET', `${url}/rep`)).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      text: '{"message":{"N":3,"replicas":["S1","S2","S3"]},"status":"successful"}',
    });
    expect(await add(url, 4, ['S5', 'S4', 'S10', 'S11'])).toMatchObject({
      status: 200,
      text: '{"message":{"N":7,"replicas":["S1","S2","S3","S5","S4","S10","S11"]},"status":"successful"}',
    });
    const left = replicasOf(await remove(url, 3, ['S5', 'S4']));
    expect(left).toHaveLength(4);
    expect((await call('GET', `${url}/rep`)).text).toBe(successful(left));
    const home = await call('GET', `${url}/home`);
    expect(left.map((name) => `{"message":"Hello from Server: ${name}","status":"successful"}`)).toContain(
      home.text,
    );
  });
});

describe('GET /rep', () => {
  it('answers with an empty list if there are no replicas', async () => {
    const { url } = await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '0' });
    expect((await call('GET', `${url}/rep`)).text).toBe(
      '{"message":{"N":0,"replicas":[]},"status":"successful"}',
    );
  });

  it('answers with the replicas in the order of joining, not of their names', async () => {
    const url = await startLeased({ REPLICAS: '1' });
    await add(url, 2, ['b', 'a']);
    await remove(url, 1, ['S1']);
    await add(url, 2, ['S1', '0']);
    expect((await call('GET', `${url}/rep?any=query`)).text).toBe(successful(['b', 'a', 'S1', '0']));
  });

  it('answers HEAD as GET, without the body', async () => {
    const url = await startLeased();
    const [head, get] = [await call('HEAD', `${url}/rep`), await call('GET', `${url}/rep`)];
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });

  it('leaves a path that is only similar to the handler', async () => {
    const { url } = await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '0' });
    for (const path of ['/rep/', '/Rep', '/REP', '//rep', '/rep/x', '/%72ep', '/rep;x', '/reps']) {
      expect([path, (await call('GET', url + path)).status]).toEqual([path, 503]);
    }
  });
});

describe('POST /add', () => {
  it('answers once the new replicas are in the ring, and lists the old ones first', async () => {
    const url = await startLeased({ REPLICAS: '1' });
    const replicas = replicasOf(await add(url, 2, ['S5']));
    expect(replicas.slice(0, 2)).toEqual(['S1', 'S5']);
    expect([...(await ringOf(system())).ring.keys()].toSorted()).toEqual(replicas.toSorted());
  });

  it.each([
    ['none', undefined],
    ['an empty list', []],
    ['fewer than n', ['own-1', 'own-2']],
  ])('makes new valid names up to n if the hostnames are %s', async (_, hostnames) => {
    const url = await startLeased({ MAX_REPLICAS: '500' });
    const replicas = replicasOf(await add(url, 200, hostnames));
    const listed = hostnames ?? [];
    expect(replicas.slice(0, 3 + listed.length)).toEqual([...first, ...listed]);
    expect(new Set(replicas).size).toBe(203);
    expect(replicas.filter((name) => !isReplicaName(name))).toEqual([]);
  });

  it('accepts every name that a container can have', async () => {
    const url = await startLeased();
    const names = ['a', 'a'.repeat(63), '0', 'a-b_c.d', 'z.', 'constructor', 'toString', 'ringer', 's1'];
    expect(replicasOf(await add(url, names.length, names))).toEqual([...first, ...names]);
  });

  it('fills up to MAX_REPLICAS', async () => {
    const url = await startLeased();
    expect(replicasOf(await add(url, 61))).toHaveLength(64);
    expect(failureOf(await add(url, 1), 400)).toContain('MAX_REPLICAS');
  });

  it('accepts a name that was removed and still drains', async () => {
    const url = await startLeased();
    await remove(url, 1, ['S2']);
    expect(replicasOf(await add(url, 1, ['S2']))).toEqual(['S1', 'S3', 'S2']);
    expect((await ringOf(system())).retired.size).toBe(0);
  });

  it('ignores other members of the body, and white space up to 64 KiB', async () => {
    const url = await startLeased();
    const body = '{"n":1,"hostnames":["S4"],"more":[{}]}'.padEnd(64 * 1024);
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    expect(replicasOf(await call('POST', `${url}/add`, { headers, body }))).toEqual([...first, 'S4']);
  });

  it('fills the assignment ring up to 56, then refuses and changes nothing', async () => {
    const url = await startLeased({ RING: 'assignment', ADD_TIMEOUT_MS: '5000' });
    expect(replicasOf(await add(url, 52))).toHaveLength(55);
    const before = await ringOf(system());
    expect(failureOf(await add(url, 2, ['a']), 400)).toBe('the ring has room for 1 more replicas, not for 2');
    expect(await ringOf(system())).toEqual(before);
    expect(replicasOf(await add(url, 1, ['a']))).toHaveLength(56);
    expect(failureOf(await add(url, 1), 400)).toBe('the ring has room for 0 more replicas, not for 1');
    await remove(url, 1, ['a']);
    expect(replicasOf(await add(url, 1, ['b']))).toHaveLength(56);
  });
});

describe('POST /add past ADD_TIMEOUT_MS', () => {
  it('answers 504 with what is ready and what is not; /rep shows the rest once it is ready', async () => {
    await leaseReplicas(system(), (name) => name === 'S5');
    const { url, gateway } = await system().start({
      REPLICA_DRIVER: 'none',
      REPLICAS: '0',
      ADD_TIMEOUT_MS: '300',
    });
    expect(failureOf(await add(url, 3, ['S4', 'S5', 'S6']), 504)).toBe(
      'not ready within 300 ms: S4, S6; ready: S5; ' +
        'the rest is still on its way, GET /rep shows it when it is ready',
    );
    expect(await desiredOf(system())).toEqual(['S4', 'S5', 'S6']);
    expect((await call('GET', `${url}/rep`)).text).toBe(successful(['S5']));

    startWorker(system(), 'S4');
    expect(await gateway.watcher.until(({ ring }) => ring.has('S4'), 10_000)).toBe(true);
    expect((await call('GET', `${url}/rep`)).text).toBe(successful(['S4', 'S5']));
    const headers = { 'ringpost-key': keyOf(gateway.watcher.ring, 'S4') };
    expect((await call('GET', `${url}/home`, { headers })).text).toContain('Hello from Server: S4');
  });

  it('names what is not ready even if the gateway has not yet read its own change', async () => {
    const { url, gateway } = await system().start({
      REPLICA_DRIVER: 'none',
      REPLICAS: '0',
      ADD_TIMEOUT_MS: '20',
    });
    gateway.watcher.refresh = () => Promise.resolve();
    expect(failureOf(await add(url, 1, ['S4']), 504)).toMatch(/^not ready within 20 ms: S4; ready: none;/);
  });

  it('does not call a replica ready that was removed meanwhile', async () => {
    await leaseReplicas(system(), (name) => name === 'S5');
    const { url, gateway } = await system().start({
      REPLICA_DRIVER: 'none',
      REPLICAS: '0',
      ADD_TIMEOUT_MS: '700',
    });
    const adding = add(url, 3, ['S4', 'S5', 'S6']);
    expect(await gateway.watcher.until(({ ring }) => ring.has('S5'), 5000)).toBe(true);
    expect(replicasOf(await remove(url, 1, ['S6']))).toEqual(['S5']);
    expect(failureOf(await adding, 504)).toMatch(/^not ready within 700 ms: S4; ready: S5;/);
  });

  it('answers 200 if all that are left are ready', async () => {
    await leaseReplicas(system(), (name) => name === 'S5');
    const { url, gateway } = await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '0' });
    const adding = add(url, 2, ['S4', 'S5']);
    expect(await gateway.watcher.until(({ ring }) => ring.has('S5'), 5000)).toBe(true);
    await remove(url, 1, ['S4']);
    expect((await adding).text).toBe(successful(['S5']));
  });
});

describe('DELETE /rm', () => {
  it('removes the listed replicas and random ones up to n', async () => {
    const url = await startLeased({ REPLICAS: '6' });
    const left = replicasOf(await remove(url, 3, ['S5', 'S4']));
    expect(left).toHaveLength(3);
    expect(left).toEqual(['S1', 'S2', 'S3', 'S6'].filter((name) => left.includes(name)));
    expect([...(await ringOf(system())).retired.keys()]).toHaveLength(3);
  });

  it('picks random replicas if none is listed', async () => {
    const url = await startLeased({ REPLICAS: '30' });
    const names = Array.from({ length: 30 }, (_, at) => `S${at + 1}`);
    const left = replicasOf(await remove(url, 15));
    expect(left).toHaveLength(15);
    // The first or the last fifteen are two of 155 million outcomes.
    expect([names.slice(15), names.slice(0, 15)]).not.toContainEqual(left);
  });

  it('removes the last replica, and one that is not ready yet', async () => {
    const { url } = await system().start({
      REPLICA_DRIVER: 'none',
      REPLICAS: '0',
      ADD_TIMEOUT_MS: '20',
    });
    failureOf(await add(url, 2, ['S4', 'S5']), 504);
    expect((await remove(url, 2, ['S5'])).text).toBe(successful([]));
    expect(await desiredOf(system())).toEqual([]);
  });

  it('answers once the removed replicas are out of the ring of its gateway', async () => {
    await leaseReplicas(system());
    const { url, gateway } = await system().start({ REPLICA_DRIVER: 'none' });
    await remove(url, 1, ['S2']);
    expect(gateway.watcher.ring.members.map(({ name }) => name)).toEqual(['S1', 'S3']);
  });

  it('answers 200 to a change that was made even if the gateway cannot read the ring again', async () => {
    await leaseReplicas(system());
    const { url, gateway } = await system().start({ REPLICA_DRIVER: 'none' });
    vi.spyOn(gateway.watcher, 'refresh').mockRejectedValue(new Error('Redis went away'));
    expect((await remove(url, 1, ['S2'])).text).toBe(successful(['S1', 'S3']));
  });

  it('accepts a body without a Content-Length', async () => {
    const url = await startLeased();
    const body = new Blob(['{"n":1,', '"hostnames":["S1"]}']).stream();
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/rm`, { method: 'DELETE', headers, body, duplex: 'half' });
    expect(await response.text()).toBe(successful(['S2', 'S3']));
  });
});

describe('a caller with a token', () => {
  it('may make all three calls', async () => {
    const url = await startLeased({ ADMIN_TOKEN: 's3cret-of-the-test' });
    const headers = { authorization: 'Bearer s3cret-of-the-test' };
    expect((await call('GET', `${url}/rep`, { headers })).text).toBe(successful(first));
    const added = await callJson('POST', `${url}/add`, { n: 1, hostnames: ['S4'] }, headers);
    expect(added.text).toBe(successful([...first, 'S4']));
    const left = await callJson('DELETE', `${url}/rm`, { n: 1, hostnames: ['S1'] }, headers);
    expect(left.text).toBe(successful(['S2', 'S3', 'S4']));
  });

  it.each([
    ['a token', { ADMIN_TOKEN: 's3cret-of-the-test' }, { authorization: 'bearer s3cret-of-the-test' }],
    ['ADMIN_AUTH=none', { ADMIN_AUTH: 'none' }, {}],
  ])('may call an address that is not loopback: %s', async (_, env, headers) => {
    const url = await startLeased({ HOST: '0.0.0.0', ...env });
    expect((await call('GET', `${url}/rep`, { headers })).text).toBe(successful(first));
  });
});

/** @returns a key that this replica owns. */
function keyOf(ring: { owner(key: string): string | undefined }, name: string): string {
  for (let at = 0; ; at += 1) if (ring.owner(`key-${at}`) === name) return `key-${at}`;
}
