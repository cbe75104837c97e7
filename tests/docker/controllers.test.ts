import { expect, it, onTestFinished } from 'vitest';
import { docker, dockerPs, inspect, replicaContainers, watchReplicas } from '../fixtures/docker-engine.ts';
import type { Watch } from '../fixtures/docker-engine.ts';
import { ask, change, ringReport, untilRep } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';
import type { DockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
const three = ['S1', 'S2', 'S3'];
const leaseMs = 3000;
const withinMs = 60_000;

async function containerIds(namespace: string): Promise<string[]> {
  return (await replicaContainers(namespace)).map(({ Id }) => Id).toSorted();
}

async function watched(namespace: string): Promise<Watch> {
  const watch = await watchReplicas(namespace);
  onTestFinished(() => watch.stop());
  return watch;
}

/** @returns the largest number of containers of one replica that ran at the same time. */
function mostAtOnce({ seen }: Watch): number {
  const running = new Map<string, number>();
  let most = 0;
  for (const line of seen) {
    const [, what, name = ''] = /^(\w+) (.*)#\d+$/.exec(line) ?? [];
    const count = (running.get(name) ?? 0) + (what === 'start' ? 1 : -1);
    running.set(name, count);
    most = Math.max(most, count);
  }
  return most;
}

/** @returns the owner of the controllers' lease; it begins with the hostname of the leader's container. */
async function leaderOf({ redis, keys }: DockerSystem): Promise<string> {
  return (await redis.get(keys.leader)) ?? '';
}

it('if the leading controller is killed, another leads within a lease and starts nothing twice', async () => {
  const current = await system();
  const { namespace, startController, startGateway, leaseOf } = current;
  const watch = await watched(namespace);
  const controllers = await Promise.all([startController(), startController()]);
  const { url } = await startGateway();
  await untilRep(url, three, withinMs);
  const before = await containerIds(namespace);
  const generations = await Promise.all(three.map(leaseOf));
  expect(watch.seen.toSorted()).toEqual(three.map((name) => `start ${name}#1`));

  const first = await leaderOf(current);
  const leading = controllers.find((each) => first.startsWith(each.getHostname()));
  expect(leading, first).toBeDefined();
  await docker('kill', leading?.getId() ?? '');
  const killed = performance.now();
  await expect
    .poll(
      async () => {
        const leader = await leaderOf(current);
        return leader !== '' && leader !== first;
      },
      { timeout: withinMs, interval: 20 },
    )
    .toBe(true);
  const tookOver = performance.now() - killed;
  console.log(`another controller led ${Math.round(tookOver)} ms after the leading one was killed`);
  // The lease expires, and the other controller tries to take it every third of a lease.
  expect(tookOver).toBeLessThan(leaseMs + leaseMs / 3 + 1000);

  // The new leader acts on the replicas that already run.
  await docker('kill', 'S2');
  await expect
    .poll(() => leaseOf('S2'), { timeout: withinMs, interval: 50 })
    .toMatchObject({ state: 'ready', generation: 2 });
  expect((await change(url, 'add', { n: 1, hostnames: ['S4'] })).status).toBe(200);
  await untilRep(url, [...three, 'S4'], withinMs);
  expect(await dockerPs(namespace)).toEqual([...three, 'S4']);
  expect(watch.seen.toSorted()).toEqual(
    [...three.map((name) => `start ${name}#1`), 'die S2#1', 'start S2#2', 'start S4#1'].toSorted(),
  );
  expect(mostAtOnce(watch)).toBe(1);
  // The new leader took the containers over and did not start them again.
  const after = await containerIds(namespace);
  expect(before.filter((id) => after.includes(id))).toHaveLength(2);
  expect(await Promise.all(['S1', 'S3'].map(leaseOf))).toMatchObject(
    [generations[0], generations[2]].map((lease) => ({
      generation: lease?.generation,
      started: lease?.started,
    })),
  );
});

it('replicas live on without a controller; a new one takes over and replaces the dead ones', async () => {
  const { namespace, startController, startGateway, leaseOf } = await system();
  const watch = await watched(namespace);
  const first = await startController();
  const { url } = await startGateway();
  await untilRep(url, three, withinMs);
  const before = await containerIds(namespace);
  await docker('stop', '-t', '20', first.getId());
  expect((await inspect(first.getId())).State.ExitCode).toBe(0);
  expect(await containerIds(namespace)).toEqual(before);
  for (let at = 0; at < 30; at += 1) expect(three).toContain(await ask(url, `key-${at}`));
  await docker('kill', 'S3');

  await startController();
  await expect
    .poll(() => leaseOf('S3'), { timeout: withinMs, interval: 50 })
    .toMatchObject({ state: 'ready', generation: 2 });
  await untilRep(url, three, withinMs);
  expect(watch.seen.toSorted()).toEqual(
    [...three.map((name) => `start ${name}#1`), 'die S3#1', 'start S3#2'].toSorted(),
  );
  expect(await dockerPs(namespace)).toEqual(three);
});

it('after a restart of Redis everything works again, and no replica was restarted', async () => {
  const { namespace, startController, startGateway, redisContainer } = await system();
  await Promise.all([startController(), startController()]);
  const { url } = await startGateway();
  await untilRep(url, three, withinMs);
  expect((await change(url, 'add', { n: 1, hostnames: ['S9'] })).status).toBe(200);
  const four = [...three, 'S9'];
  const ids = await containerIds(namespace);
  const watch = await watched(namespace);

  await docker('kill', redisContainer.getId());
  await expect
    .poll(async () => (await fetch(`${url}/-/ready`)).status, { timeout: withinMs, interval: 50 })
    .toBe(503);
  const away = await fetch(`${url}/home`);
  expect({ status: away.status, retry: away.headers.has('retry-after') }).toEqual({
    status: 503,
    retry: true,
  });
  await docker('start', redisContainer.getId());
  const back = performance.now();
  await expect
    .poll(async () => (await fetch(`${url}/home`)).status, { timeout: withinMs, interval: 20 })
    .toBe(200);
  console.log(`answered ${Math.round(performance.now() - back)} ms after Redis was started again`);
  await untilRep(url, four, withinMs);
  for (let at = 0; at < 60; at += 1) expect(four).toContain(await ask(url, `key-${at}`));
  // Longer than any lease that a worker could not renew while Redis was down.
  const { leader } = await ringReport(url);
  const until = performance.now() + 2 * leaseMs;
  for (let at = 0; performance.now() < until; at += 1) expect(four).toContain(await ask(url, `later-${at}`));
  expect((await ringReport(url)).leader).toBe(leader);
  expect(watch.seen).toEqual([]);
  expect(await containerIds(namespace)).toEqual(ids);
  expect((await ringReport(url)).replicas.map(({ state }) => state)).toEqual([
    'ready',
    'ready',
    'ready',
    'ready',
  ]);
});

it('three gateways send 5,000 keys to the same replicas', async () => {
  const { startController, startGateway } = await system();
  await startController({ REPLICAS: '5' });
  const gateways = await Promise.all([startGateway(), startGateway(), startGateway()]);
  const five = ['S1', 'S2', 'S3', 'S4', 'S5'];
  await Promise.all(gateways.map(({ url }) => untilRep(url, five, withinMs)));
  const keys = Array.from({ length: 5000 }, (_, at) => `tenant-${at}`);
  const owners = await Promise.all(
    gateways.map(async ({ url }) => {
      const found: string[] = [];
      for (let at = 0; at < keys.length; at += 50) {
        found.push(...(await Promise.all(keys.slice(at, at + 50).map((key) => ask(url, key)))));
      }
      return found;
    }),
  );
  expect(owners[0]).toHaveLength(5000);
  expect(new Set(owners[0]).size).toBe(5);
  expect(owners[1]).toEqual(owners[0]);
  expect(owners[2]).toEqual(owners[0]);
});
