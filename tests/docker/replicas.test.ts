import { beforeEach, expect, it } from 'vitest';
import { docker, dockerPs, inspect, replicaContainers } from '../fixtures/docker-engine.ts';
import { ask, change, ringReport, untilRep } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';
import type { DockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
/** How soon `docker ps` and `/rep` agree again, whatever happened to a replica; docs/docker.md states it. */
const agreeWithinMs = 15_000;
let current: DockerSystem;
let url: string;

beforeEach(async () => {
  current = await system();
  await current.startController();
  ({ url } = await current.startGateway());
  await untilRep(url, ['S1', 'S2', 'S3'], 60_000);
});

async function expectAgreement(replicas: readonly string[]): Promise<void> {
  const expected = replicas.toSorted();
  await untilRep(url, expected, agreeWithinMs);
  await expect
    .poll(() => dockerPs(current.namespace), { timeout: agreeWithinMs, interval: 100, message: 'docker ps' })
    .toEqual(expected);
}

it('an added replica is a container of its name, and a removed one is gone', async () => {
  const named = await change(url, 'add', { n: 3, hostnames: ['S9', 'Model.a_b-1'] });
  expect(named.status).toBe(200);
  expect(named.replicas.slice(0, 5)).toEqual(['S1', 'S2', 'S3', 'S9', 'Model.a_b-1']);
  expect(named.replicas).toHaveLength(6);
  await expectAgreement(named.replicas);
  for (const name of named.replicas) {
    const { Name, Config, State } = await inspect(name);
    expect({ Name, hostname: Config.Hostname, running: State.Running }).toEqual({
      Name: `/${name}`,
      hostname: name,
      running: true,
    });
  }

  const some = await change(url, 'rm', { n: 2, hostnames: ['S9', 'S1'] });
  expect(some.status).toBe(200);
  expect(some.replicas).toEqual(named.replicas.filter((name) => name !== 'S9' && name !== 'S1'));
  await expectAgreement(some.replicas);
  const random = await change(url, 'rm', { n: 2 });
  expect(random.status).toBe(200);
  expect(random.replicas).toHaveLength(2);
  await expectAgreement(random.replicas);
  // Ended containers are removed too.
  await expect.poll(() => replicaContainers(current.namespace), { timeout: agreeWithinMs }).toHaveLength(2);
  expect(random.replicas).toContain(await ask(url, 'any'));
});

it.for(['kill', 'stop', 'pause', 'rm -f'])(
  'a replica is replaced under its name after docker %s',
  async (how) => {
    const before = await current.leaseOf('S2');
    await docker(...how.split(' '), 'S2');
    await expect
      .poll(() => current.leaseOf('S2'), { timeout: agreeWithinMs, interval: 50 })
      .toMatchObject({ state: 'ready', generation: (before?.generation ?? 0) + 1 });
    await expectAgreement(['S1', 'S2', 'S3']);
    expect((await inspect('S2')).Config.Hostname).toBe('S2');
    await expect.poll(() => replicaContainers(current.namespace), { timeout: agreeWithinMs }).toHaveLength(3);
    const { replicas, trouble } = await ringReport(url);
    expect(trouble).toBeNull();
    expect(replicas.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'S1 ready',
      'S2 ready',
      'S3 ready',
    ]);
  },
);

it('a name that another container has is reported, and used once it is free', async () => {
  const other = `${current.namespace}-other`;
  await docker('create', '--name', other, '--label', `ringpost.namespace=${other}`, 'redis:7-bookworm');
  await docker('rename', other, 'S7');
  try {
    const adding = change(url, 'add', { n: 1, hostnames: ['S7'] });
    await expect
      .poll(async () => (await ringReport(url)).replicas.find(({ name }) => name === 'S7'), {
        timeout: agreeWithinMs,
        interval: 100,
      })
      .toMatchObject({ inRing: false, reason: expect.stringContaining('not of this namespace') });
    await ask(url, 'meanwhile');
    await docker('rm', '-v', 'S7');
    expect((await adding).status).toBe(200);
    await expectAgreement(['S1', 'S2', 'S3', 'S7']);
  } finally {
    const left = await docker('ps', '-aq', '--filter', `label=ringpost.namespace=${other}`);
    if (left !== '') await docker('rm', '-fv', left);
  }
});
