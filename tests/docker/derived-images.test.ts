import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer } from 'testcontainers';
import { expect, inject, it, onTestFinished } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { docker } from '../fixtures/docker-engine.ts';
import { change } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';

const system = useDockerSystem();
const names = ['P1', 'P2', 'P3'];
const tenants = Array.from({ length: 20 }, (_, at) => `tenant-${at}`);

/** @returns the Dockerfile that the section of docs/docker.md shows which begins with this line. */
async function documented(first: string): Promise<string> {
  const document = await readFile(join(projectFolder, 'docs/docker.md'), 'utf8');
  const blocks = Array.from(document.matchAll(/^```dockerfile\n(.*?)^```$/gms), ([, text = '']) => text);
  const block = blocks.find((text) => text.startsWith(first) && text.includes('python3'));
  return block ?? expect.unreachable(`docs/docker.md shows no Dockerfile that begins with ${first}`);
}

/** Builds an image with the Python example, and removes it after the test. @returns its name. */
async function build(dockerfile: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ringpost-derived-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  await copyFile(join(projectFolder, 'examples/python/app.py'), join(folder, 'app.py'));
  await writeFile(join(folder, 'Dockerfile'), dockerfile);
  const image = `ringpost-test-derived:${randomBytes(4).toString('hex')}`;
  await GenericContainer.fromDockerfile(folder).build(image, { deleteOnExit: false });
  onTestFinished(() => docker('rmi', '-f', image).then(() => undefined));
  return image;
}

interface Visits {
  readonly visits: number;
  readonly replica: string;
}

/** Adds the replicas once the controller has made the ring. */
async function untilAdded(url: string): Promise<void> {
  const add = async (): Promise<number> => (await change(url, 'add', { n: 3, hostnames: names })).status;
  await expect.poll(add, { timeout: 120_000, interval: 500 }).toBe(200);
}

/** Visits once for each tenant. @returns what the programs counted, by tenant. */
async function visit(url: string): Promise<ReadonlyMap<string, Visits>> {
  const answers = tenants.map(async (tenant) => {
    const headers = { 'ringpost-key': tenant };
    const response = await fetch(`${url}/visits/${tenant}`, { headers });
    expect(response.status).toBe(200);
    const visits = (await response.json()) as Visits; // as the example answers
    expect(response.headers.get('ringpost-replica')).toBe(visits.replica);
    return [tenant, visits] as const;
  });
  return new Map(await Promise.all(answers));
}

/** Expects that the programs in the containers of an image keep the state of each tenant. */
async function expectAffinity(image: string): Promise<void> {
  const { startController, startGateway } = await system();
  // The keys of a dead replica wait for its next worker.
  await startController({ WORKER_IMAGE: image, REPLICAS: '0', FAILOVER_MS: '120000' });
  const { url } = await startGateway();
  await untilAdded(url);
  for (const visits of [1, 2, 3])
    for (const answer of (await visit(url)).values()) expect(answer).toMatchObject({ visits });
  const commands = await docker('exec', 'P1', 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "');
  expect(commands).toContain('python3 /srv/app.py');
  // A program that is killed ends with its container, and both are replaced.
  const killed =
    'for each in /proc/[0-9]*; do grep -qa "^python3" $each/cmdline && kill -9 ${each#/proc/}; done';
  await docker('exec', 'P1', 'sh', '-c', killed).catch(() => undefined);
  const format = '{{index .Config.Labels "ringpost.generation"}}';
  const generation = (): Promise<string> => docker('inspect', '--format', format, 'P1').catch(() => '');
  await expect.poll(generation, { timeout: 60_000 }).toBe('2');
  for (const { replica, visits } of (await visit(url)).values())
    expect([replica, visits]).toEqual([replica, replica === 'P1' ? 1 : 4]);
}

it('a Python program in an image made from that of the worker serves', async () => {
  const dockerfile = await documented('FROM ringpost-worker\n');
  await expectAffinity(await build(dockerfile.replace('ringpost-worker', inject('workerImage'))));
});

it('a worker in an image made from another one serves with the program in it', async () => {
  const dockerfile = await documented('FROM python:3.13-slim\n');
  // The image of Redis stands in for that of Python: it is Debian without Node.js, and Python is added to it.
  const base = 'FROM redis:7-bookworm\nUSER root\n';
  const text = dockerfile
    .replace('FROM python:3.13-slim\n', base)
    .replace('libatomic1', 'libatomic1 python3-minimal')
    .replaceAll('ringpost-worker', inject('workerImage'));
  await expectAffinity(await build(text));
});

it('replicas in containers forward to one server of UPSTREAMS each', async () => {
  const image = await build(
    (await documented('FROM ringpost-worker\n')).replace('ringpost-worker', inject('workerImage')),
  );
  const { startController, startGateway, network } = await system();
  const servers = ['app-a', 'app-b', 'app-c'].map((name) => `${network}-${name}`);
  for (const name of servers) {
    const run = ['sed -i s/127.0.0.1/0.0.0.0/ /tmp/app.py', 'PORT=3000 exec python3 /tmp/app.py'];
    const script = ['cp /srv/app.py /tmp/app.py', ...run].join(' && ');
    const server = ['--env', `REPLICA=${name}`, '--entrypoint', 'sh', image, '-c', script];
    await docker('run', '--detach', '--rm', '--name', name, '--network', network, ...server);
    onTestFinished(() => docker('rm', '-f', name).then(() => undefined));
  }
  const upstreams = servers.map((name) => `http://${name}:3000`).join(',');
  await startController({ UPSTREAMS: upstreams, REPLICAS: '0' });
  const { url } = await startGateway();
  await untilAdded(url);
  const answers = tenants.map(async (tenant) => {
    const response = await fetch(`${url}/visits/${tenant}`, { headers: { 'ringpost-key': tenant } });
    const { replica } = (await response.json()) as Visits; // as the example answers
    return `${response.headers.get('ringpost-replica')} forwards to ${replica}`;
  });
  expect([...new Set(await Promise.all(answers))].toSorted()).toEqual(
    servers.map((name, at) => `P${at + 1} forwards to ${name}`),
  );
  expect(await change(url, 'add', { n: 1 })).toMatchObject({
    status: 400,
    message: expect.stringContaining('UPSTREAMS lists 3 servers'),
  });
});
