import { expect, inject, it } from 'vitest';
import { docker, engine, inspect } from '../fixtures/docker-engine.ts';
import { untilRep } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();

const inImage = (image: string, ...command: string[]): Promise<string> =>
  docker('run', '--rm', '--network', 'none', image, ...command);

it('the process of each image runs as node', async () => {
  for (const image of [inject('workerImage'), inject('gatewayImage')])
    expect(await inImage(image, 'id')).toContain('uid=1000(node) gid=1000(node)');
});

it('images hold only production dependencies; only the gateway has Docker and web packages', async () => {
  const [worker, gateway] = await Promise.all(
    [inject('workerImage'), inject('gatewayImage')].map(async (image) =>
      (await inImage(image, 'ls', '/app/node_modules')).split('\n'),
    ),
  );
  expect(gateway).toEqual(expect.arrayContaining(['dockerode', 'fastify', 'bullmq', 'ioredis']));
  expect(worker).toEqual(expect.arrayContaining(['bullmq', 'ioredis', 'undici']));
  expect(worker).not.toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^(commander|dockerode|docker-modem|fastify|pino-pretty|ssh2|prom-client)$/),
    ]),
  );
  const dev = expect.stringMatching(/^(vitest|typescript|oxlint|oxfmt|testcontainers|autocannon|node)$/);
  for (const packages of [worker, gateway]) expect(packages).not.toEqual(expect.arrayContaining([dev]));
  expect((await inImage(inject('workerImage'), 'ls', '/app')).split('\n')).not.toContain('gateway');
  expect((await inImage(inject('gatewayImage'), 'ls', '/app')).split('\n')).not.toContain('worker');
});

it('images say by OCI labels what they are', async () => {
  const labelsOf = async (image: string): Promise<Record<string, string>> =>
    (await engine.getImage(image).inspect()).Config.Labels;
  const prefix = 'org.opencontainers.image';
  for (const [image, title] of [
    [inject('workerImage'), 'ringpost-worker'],
    [inject('gatewayImage'), 'ringpost-gateway'],
  ] as const)
    expect(await labelsOf(image)).toMatchObject({
      [`${prefix}.title`]: title,
      [`${prefix}.description`]: expect.stringMatching(/^ringpost: the /),
      [`${prefix}.licenses`]: 'MIT',
      // Given by a build argument, for a release.
      [`${prefix}.version`]: 'unreleased',
      [`${prefix}.revision`]: 'unknown',
    });
});

it('the health checks need no Node.js', async () => {
  const checkOf = async (image: string): Promise<readonly string[]> => {
    const { Healthcheck } = (await engine.getImage(image).inspect()).Config;
    return (Healthcheck as { readonly Test: readonly string[] }).Test.slice(1); // both Dockerfiles have one
  };
  /** Runs a check after other commands, where the shell finds no `node`. @returns its exit code. */
  const run = async (image: string, before: string): Promise<string> => {
    const [shell = '', flag = '', check = ''] = await checkOf(image);
    expect([shell, flag]).toEqual(['bash', '-c']);
    const script = `${before}; (${check}) 2>/dev/null; echo $?`;
    const path = ['--env', 'PATH=/usr/bin:/bin'];
    const options = [...path, '--env', 'HEALTH_FILE=/tmp/beat', '--entrypoint', '/usr/bin/bash'];
    return docker('run', '--rm', '--network', 'none', ...options, image, '-c', script);
  };
  expect(await run(inject('workerImage'), 'command -v node; touch /tmp/beat')).toBe('0');
  expect(await run(inject('workerImage'), 'touch -d "11 seconds ago" /tmp/beat')).toBe('1');
  expect(await run(inject('workerImage'), 'true')).toBe('1');
  expect(await run(inject('gatewayImage'), 'command -v node')).toBe('1');
});

it('images add at most 30 MB (worker) and 60 MB (gateway) to their base', async () => {
  const sizeOf = async (image: string): Promise<number> =>
    (await engine.getImage(image).inspect()).Size / 1e6;
  const base = await sizeOf('node:26-bookworm-slim');
  const worker = await sizeOf(inject('workerImage'));
  const gateway = await sizeOf(inject('gatewayImage'));
  const show = (size: number): string => `${Math.round(size)} MB (${Math.round(size - base)} above its base)`;
  console.log(`image sizes: worker ${show(worker)}, gateway ${show(gateway)}`);
  expect(worker - base).toBeLessThan(30);
  expect(gateway - base).toBeLessThan(60);
});

it('a replica runs without rights that it does not need', async () => {
  const { startController, startGateway, namespace, network } = await system();
  await startController({ WORKER_MEMORY_MB: '256', WORKER_CPUS: '0.5', WORKER_PIDS: '64' });
  const { url } = await startGateway();
  await untilRep(url, ['S1', 'S2', 'S3'], 60_000);
  const { Config, HostConfig, Mounts, NetworkSettings } = await inspect('S1');
  const stopTimeout = (Config as { StopTimeout?: number }).StopTimeout;
  expect({ ...pick(Config, 'User', 'Hostname', 'Image'), stopTimeout }).toEqual({
    User: '1000:1000',
    Hostname: 'S1',
    Image: inject('workerImage'),
    // Above the 10 s of DRAIN_TIMEOUT_MS.
    stopTimeout: 15,
  });
  expect(
    pick(
      HostConfig,
      'CapDrop',
      'CapAdd',
      'SecurityOpt',
      'Privileged',
      'ReadonlyRootfs',
      'Tmpfs',
      'PidsLimit',
      'Memory',
      'MemorySwap',
      'NanoCpus',
      'RestartPolicy',
      'Init',
      'LogConfig',
      'NetworkMode',
      'PidMode',
      'Binds',
    ),
  ).toEqual({
    CapDrop: ['ALL'],
    CapAdd: null,
    SecurityOpt: ['no-new-privileges'],
    Privileged: false,
    ReadonlyRootfs: true,
    Tmpfs: { '/tmp': 'rw,noexec,nosuid,nodev,size=64m' },
    PidsLimit: 64,
    Memory: 256 * 1024 * 1024,
    MemorySwap: 256 * 1024 * 1024,
    NanoCpus: 500_000_000,
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    Init: true,
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    NetworkMode: network,
    PidMode: '',
    Binds: [],
  });
  expect(Mounts).toEqual([]);
  expect(NetworkSettings.Ports).toEqual({});
  expect(Config.Labels).toMatchObject({ 'ringpost.namespace': namespace, 'ringpost.replica': 'S1' });
  // The settings take effect.
  await expect(docker('exec', 'S1', 'touch', '/app/x')).rejects.toThrow('Read-only file system');
  expect(await docker('exec', 'S1', 'sh', '-c', 'echo ok > /tmp/x && cat /tmp/x')).toBe('ok');
  expect(await docker('exec', 'S1', 'sh', '-c', 'grep -E "NoNewPrivs|CapEff" /proc/1/status | cut -f2')).toBe(
    '0000000000000000\n1',
  );
  // The health check starts no Node process.
  expect(Config.Healthcheck?.Test?.join(' ')).not.toMatch(/node/);
});

function pick<T extends object, K extends keyof T>(value: T, ...keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, value[key]])) as Pick<T, K>; // the keys picked above
}
