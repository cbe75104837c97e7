import { afterEach, expect, it } from 'vitest';
import { docker, engine, inspect, replicaContainers } from '../fixtures/docker-engine.ts';
import { ask, change, untilRep } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';
import type { DockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
const password = 'topsecret-of-redis';
let current: DockerSystem;

afterEach(async () => {
  // The fixture checks Redis after the test, and its own connection has no password.
  await current.redis.call('AUTH', password).catch(() => undefined);
});

/** Starts a controller and its containers with a Redis that requires a password. */
async function start(env: Record<string, string> = {}): Promise<string> {
  current = await system();
  await current.redis.config('SET', 'requirepass', password);
  const redisUrl = current.redisUrl.replace('//', `//:${password}@`);
  const { url } = await current.startLocal({ REDIS_URL: redisUrl, ...env });
  return url;
}

it("a container's environment, labels, command line and log do not show the Redis password", async () => {
  const url = await start({ REPLICAS: '1', LOG_LEVEL: 'debug' });
  expect(await ask(url, 'any')).toBe('S1');
  for (const each of await replicaContainers(current.namespace)) {
    const known = JSON.stringify([each, await inspect(each.Id)]);
    expect(known).toContain('REDIS_URL_FILE=/dev/stdin');
    const seen = [
      known,
      await docker('exec', each.Id, 'cat', '/proc/1/environ', '/proc/1/cmdline'),
      await docker('exec', each.Id, 'sh', '-c', 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline'),
      await docker('logs', each.Id),
    ];
    expect(seen.filter((text) => text.includes(password))).toEqual([]);
  }
});

it('a container that is restarted by hand is replaced, since its input was used up', async () => {
  const url = await start({ REPLICAS: '2' });
  await docker('restart', '--time', '0', 'S1');
  await untilRep(url, ['S1', 'S2'], 30_000);
  await expect
    .poll(
      async () => (await replicaContainers(current.namespace)).map(({ Names }) => Names.join()).toSorted(),
      {
        timeout: 30_000,
        interval: 200,
      },
    )
    .toEqual(['/S1', '/S2']);
  expect((await change(url, 'rm', { n: 1, hostnames: ['S2'] })).status).toBe(200);
  expect(await ask(url, 'any')).toBe('S1');
});

it('a container of an older release, with REDIS_URL in its environment, is replaced', async () => {
  const url = await start({ REPLICAS: '1', REPLICA_DRIVER: 'docker' });
  const [now] = await replicaContainers(current.namespace);
  const { Config, HostConfig } = await inspect(now?.Id ?? '');
  const old = await engine.createContainer({
    name: 'S2',
    Image: Config.Image,
    Hostname: 'S2',
    Env: [
      ...Config.Env.filter((each) => !/^(REDIS_URL_FILE|REPLICA|GENERATION)=/.test(each)),
      `REDIS_URL=${current.redisUrl.replace('//', `//:${password}@`)}`,
      'REPLICA=S2',
      'GENERATION=1',
    ],
    Labels: {
      ...Config.Labels,
      'ringpost.replica': 'S2',
      'ringpost.generation': '1',
      'ringpost.config': 'before',
    },
    HostConfig,
  });
  await old.start();
  const added = await change(url, 'add', { n: 1, hostnames: ['S2'] });
  expect(added.status).toBe(200);
  await expect
    .poll(
      async () =>
        (await replicaContainers(current.namespace)).some(
          ({ Id, Labels }) =>
            Id !== old.id &&
            Labels['ringpost.replica'] === 'S2' &&
            Labels['ringpost.config'] === now?.Labels['ringpost.config'],
        ),
      { timeout: 60_000, interval: 200 },
    )
    .toBe(true);
  await untilRep(url, ['S1', 'S2'], 30_000);
});
