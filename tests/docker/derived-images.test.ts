import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer } from 'testcontainers';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { docker } from '../fixtures/docker-engine.ts';
import { change } from '../fixtures/docker-http.ts';
import { useDockerSystem } from '../fixtures/docker-system.ts';
import { serve } from '../fixtures/http-server.ts';

const system = useDockerSystem();
const names = ['P1', 'P2'];
const tenants = Array.from({ length: 20 }, (_, at) => `tenant-${at}`);

/** @returns the Dockerfile that the section of docs/docker.md shows which begins with this line. */
async function documented(first: string): Promise<string> {
  const document = await readFile(join(projectFolder, 'docs/docker.md'), 'utf8');
  const blocks = Array.from(document.matchAll(/^```dockerfile\n(.*?)^```$/gms), ([, text = '']) => text);
  const block = blocks.find((text) => text.startsWith(first) && text.includes('python3'));
  return block ?? expect.unreachable(`docs/docker.md shows no Dockerfile that begins with ${first}`);
}

/** Builds an image with the Python example. @returns its name. */
async function build(dockerfile: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ringpost-derived-'));
  try {
    await chmod(folder, 0o755);
    await copyFile(join(projectFolder, 'examples/python/app.py'), join(folder, 'app.py'));
    await writeFile(join(folder, 'Dockerfile'), dockerfile);
    const image = `ringpost-test-derived:${randomBytes(4).toString('hex')}`;
    await GenericContainer.fromDockerfile(folder).build(image, { deleteOnExit: false });
    return image;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const images: string[] = [];

/** The packages of Debian are fetched and unpacked, which is no part of what the tests measure. */
beforeAll(async () => {
  const worker = inject('workerImage');
  const fromWorker = await documented('FROM ringpost-worker\n');
  images.push(await build(fromWorker.replace('ringpost-worker', worker)));
  const fromPython = await documented('FROM python:3.13-slim\n');
  // The image of Redis stands in for that of Python: it is Debian without Node.js, and Python is added to it.
  const base = fromPython
    .replace('FROM python:3.13-slim\n', 'FROM redis:7-bookworm\nUSER root\n')
    .replace('libatomic1', 'libatomic1 python3');
  images.push(await build(base.replaceAll('ringpost-worker', worker)));
}, 900_000);
afterAll(async () => {
  for (const image of images) await docker('rmi', '-f', image);
});

interface Visits {
  readonly visits: number;
  readonly replica: string;
}

async function add(url: string): Promise<void> {
  const { status, replicas } = await change(url, 'add', { n: names.length, hostnames: names });
  expect({ status, replicas }).toEqual({ status: 200, replicas: names });
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

/**
 * Expects that the programs in the containers of an image keep the state of each tenant, and kills that of
 * P1.
 * @returns the visits that each replica then counts for its tenants.
 */
async function countsAfterKill(image: string): Promise<Record<string, number>> {
  const { startLocal } = await system();
  // The keys of a dead replica wait for its next worker.
  const { url } = await startLocal({ WORKER_IMAGE: image, REPLICAS: '0', FAILOVER_MS: '120000' });
  await add(url);
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
  const counts = [...(await visit(url)).values()].map(({ replica, visits }) => [replica, visits] as const);
  const byReplica = Object.fromEntries(counts);
  for (const [replica, visits] of counts) expect(byReplica[replica]).toBe(visits);
  return byReplica;
}

it('a Python program in an image made from that of the worker serves', async () => {
  expect(await countsAfterKill(images[0] ?? '')).toEqual({ P1: 1, P2: 4 });
});

it('a worker in an image made from another one serves with the program in it', async () => {
  expect(await countsAfterKill(images[1] ?? '')).toEqual({ P1: 1, P2: 4 });
});

it('replicas in containers forward to one server of UPSTREAMS each', async () => {
  const servers = await Promise.all(
    names.map((_, at) => serve((_request, response) => response.end(`server ${at}`))),
  );
  const { startLocal } = await system();
  const { url } = await startLocal({ UPSTREAMS: servers.join(','), REPLICAS: '0' });
  await add(url);
  const answers = tenants.map(async (tenant) => {
    const response = await fetch(`${url}/`, { headers: { 'ringpost-key': tenant } });
    return `${response.headers.get('ringpost-replica')}: ${await response.text()}`;
  });
  expect([...new Set(await Promise.all(answers))].toSorted()).toEqual(['P1: server 0', 'P2: server 1']);
  expect(await change(url, 'add', { n: 1 })).toMatchObject({
    status: 400,
    message: expect.stringContaining('UPSTREAMS lists 2 servers'),
  });
});
