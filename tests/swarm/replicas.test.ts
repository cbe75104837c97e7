import { expect, it } from 'vitest';
import { ask, change, ringReport, untilRep } from '../fixtures/docker-http.ts';
import { containersOn, engineOf, nodeOf, replicasOn, servicesOf } from '../fixtures/swarm-nodes.ts';
import { useSwarmSystem } from '../fixtures/swarm-system.ts';

const system = useSwarmSystem();
const withinMs = 60_000;

it('each replica is a service, spread over the nodes; /add and /rm add and remove services', async () => {
  const { startController, startGateway, namespace } = await system();
  await startController();
  const { url } = await startGateway();
  await untilRep(url, ['S1', 'S2', 'S3'], withinMs);
  const on = await replicasOn(namespace);
  expect(Object.keys(on)).toEqual(['node1', 'node2', 'node3']);
  expect((await servicesOf(namespace)).map(({ Spec }) => Spec.Name).toSorted()).toEqual(
    ['S1', 'S2', 'S3'].map((name) => `${namespace}-${name}-g1`),
  );
  expect(await ask(url, 'any')).toMatch(/^S[123]$/);

  const added = await change(url, 'add', { n: 3, hostnames: ['Model.a_b', 'S8', 'S9'] });
  expect(added.status, JSON.stringify(added)).toBe(200);
  const all = await replicasOn(namespace);
  expect(Object.values(all).map((names) => names.length)).toEqual([2, 2, 2]);
  const removed = await change(url, 'rm', { n: 4, hostnames: ['Model.a_b', 'S8', 'S9', 'S1'] });
  expect(removed.replicas).toEqual(['S2', 'S3']);
  await expect
    .poll(async () => (await servicesOf(namespace)).map(({ Spec }) => Spec.Name).toSorted(), {
      timeout: withinMs,
      interval: 200,
    })
    .toEqual([`${namespace}-S2-g1`, `${namespace}-S3-g1`]);
  const left = await Promise.all([1, 2, 3].map((node) => containersOn(node, namespace)));
  expect(left.flat().toSorted()).toEqual(['S2#1', 'S3#1']);
  expect((await ringReport(url)).trouble).toBeNull();
});

it('a container has no rights that it does not need, and its URL of Redis is only in a secret', async () => {
  const { startController, startGateway, namespace, workerUrl } = await system();
  const limits = { WORKER_MEMORY_MB: '256', WORKER_CPUS: '0.5', WORKER_PIDS: '64' };
  await startController({ REPLICAS: '1', ...limits, UPSTREAM_HOST: 'client' });
  const { url } = await startGateway();
  await untilRep(url, ['S1'], withinMs);
  const engine = engineOf(await nodeOf(namespace, 'S1'));
  const [found] = await engine.listContainers({ filters: { label: [`ringpost.namespace=${namespace}`] } });
  const container = engine.getContainer(found?.Id ?? '');
  const { Config, HostConfig, Mounts } = await container.inspect();
  expect(Config).toMatchObject({ User: '1000:1000', Hostname: 'S1' });
  expect(Config.Image).toMatch(/^sha256:/);
  expect(HostConfig).toMatchObject({
    CapDrop: ['ALL'],
    ReadonlyRootfs: true,
    Memory: 256 * 1024 * 1024,
    NanoCpus: 500_000_000,
    PidsLimit: 64,
    Init: true,
    RestartPolicy: { Name: '', MaximumRetryCount: 0 },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    NetworkMode: 'host',
    Privileged: false,
  });
  const exec = async (...Cmd: string[]): Promise<string> => {
    const process = await container.exec({ Cmd, AttachStdout: true, AttachStderr: true, Tty: true });
    const stream = await process.start({ Tty: true });
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text;
  };
  expect(await exec('sh', '-c', 'grep -E "CapEff|CapBnd" /proc/1/status | cut -f2')).toBe(
    '0000000000000000\r\n0000000000000000\r\n',
  );
  expect(await exec('touch', '/app/x')).toContain('Read-only file system');
  expect(await exec('sh', '-c', 'grep " /tmp " /proc/mounts')).toMatch(
    /tmpfs rw,nosuid,nodev,noexec,.*size=65536k/,
  );
  expect(await exec('sh', '-c', 'ls -l /run/secrets')).toMatch(/-r--------.* 1000 .*ringpost-redis-url|node/);
  expect(await exec('cat', '/run/secrets/ringpost-redis-url')).toBe(workerUrl);
  const password = new URL(workerUrl).password;
  const shown = [
    JSON.stringify([Config, HostConfig, Mounts, await servicesOf(namespace)]),
    await exec('sh', '-c', 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline'),
  ];
  expect(shown.filter((text) => text.includes(password))).toEqual([]);
});
