import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { docker, dockerPs, engine, inspect, watchReplicas } from '../fixtures/docker-engine.ts';
import { ask, change, rep, untilRep } from '../fixtures/docker-http.ts';
import { useCompose } from '../fixtures/docker-compose.ts';
import type { Compose } from '../fixtures/docker-compose.ts';
import { composeCommands } from '../fixtures/compose-commands.ts';
import type { ComposeCommand } from '../fixtures/compose-commands.ts';

const compose = useCompose();
/** The versions of Compose on this machine; `npm test` lists the missing ones at its end. */
const { present } = await composeCommands();
const home = 'http://127.0.0.1:5000';
const three = ['S1', 'S2', 'S3'];
const withinMs = 180_000;
const socket = '/var/run/docker.sock';

/** The commands that docs/docker.md gives below a heading. */
async function documented(heading: string): Promise<string[]> {
  const text = await readFile(join(projectFolder, 'docs', 'docker.md'), 'utf8');
  const [, block = ''] = new RegExp(`^## ${heading}\\n[^]*?\`\`\`sh\\n([^]*?)\`\`\``, 'm').exec(text) ?? [];
  return block.split('\n').flatMap((line) => line.replace(/ {2,}#.*/, '').trim() || []);
}

async function servicePorts(system: Compose, count: number): Promise<string[]> {
  const urls: string[] = [];
  for (let index = 1; index <= count; index += 1)
    urls.push(`http://${await system.run('port', `--index=${index}`, 'gateway', '5000')}`);
  return urls;
}

describe.each(present)('the compose file, with $name', (version) => {
  it('serves, scales the gateways, and one command removes all of it', { timeout: 600_000 }, async () => {
    const system = await compose(version);
    const began = performance.now();
    await system.run('up', '--build', '--detach');
    await expect.poll(() => rep(home).catch(() => []), { timeout: withinMs }).toEqual(three);
    expect(three).toContain(await ask(home, 'first'));
    console.log(`docker compose up --build to the first answer: ${Math.round(performance.now() - began)} ms`);
    expect(await dockerPs('ringpost')).toEqual(three);

    // Compose warns that the replicas belong to no service, and leaves them alone.
    const before = await replicaIds(system);
    await system.run('up', '--detach', '--scale', 'gateway=3');
    expect(await replicaIds(system)).toEqual(before);
    const urls = await servicePorts(system, 3);
    expect(urls.toSorted()).toEqual([...new Set(urls)].toSorted());
    for (const url of urls) {
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:500[1-9]$/);
      await untilRep(url, three, withinMs);
    }
    const [first = '', , third = ''] = urls;
    expect((await change(first, 'add', { n: 2, hostnames: ['S9'] })).status).toBe(200);
    const five = await rep(third);
    expect(five).toHaveLength(5);
    await expect.poll(() => dockerPs('ringpost'), { timeout: withinMs }).toEqual(five);
    for (let at = 0; at < 40; at += 1) {
      const owners = await Promise.all([home, ...urls].map((url) => ask(url, `tenant-${at}`)));
      expect(new Set(owners).size).toBe(1);
    }

    expect(await replicaIds(system)).toHaveLength(5);
    await expectListed(system, version, five);
    await expectSocketInControllerAlone(system);
    await expectHealthy(system);
    await expectPasswordsApart(system);

    const watch = await watchReplicas('ringpost');
    onTestFinished(() => watch.stop());
    for (const line of await documented('Leaving nothing behind')) await system.shell(line);
    expect(await system.left()).toEqual([]);
    // The controller was stopped before the replicas were removed, so it started none again.
    expect(watch.seen.filter((line) => line.startsWith('start'))).toEqual([]);
  });

  it('continues with the state in Redis after a stop, and after a down', { timeout: 600_000 }, async () => {
    const system = await compose(version);
    await system.run('up', '--build', '--detach');
    await expect.poll(() => rep(home).catch(() => []), { timeout: withinMs }).toEqual(three);
    expect((await change(home, 'rm', { n: 1, hostnames: ['S2'] })).status).toBe(200);
    // S2 finishes what it holds, then ends.
    await expect.poll(() => dockerPs('ringpost'), { timeout: withinMs }).toEqual(['S1', 'S3']);
    const passwords = await passwordsOf(system);
    await system.run('stop');
    // Replicas outlive the controller.
    expect(await dockerPs('ringpost')).toEqual(['S1', 'S3']);
    await system.run('up', '--detach');
    await expect.poll(() => rep(home).catch(() => []), { timeout: withinMs }).toEqual(['S1', 'S3']);
    await ask(home, 'again');
    expect(await passwordsOf(system)).toEqual(passwords);
    await system.run('down', '--remove-orphans');
    expect(await dockerPs('ringpost')).toEqual([]);
    await system.run('up', '--detach');
    await expect.poll(() => rep(home).catch(() => []), { timeout: withinMs }).toEqual(['S1', 'S3']);
    await ask(home, 'once more');
    await system.shell((await documented('Leaving nothing behind')).at(-1) ?? '');
    expect(await system.left()).toEqual([]);
  });
});

it('only the controller gets the socket of the Docker engine', async () => {
  const text = await readFile(join(projectFolder, 'docker-compose.yml'), 'utf8');
  const services = text.slice(text.indexOf('\nservices:')).split(/\n(?= {2}\w[\w-]*:)/);
  const having = services.filter((each) => each.includes(socket)).map((each) => each.trim().split(':')[0]);
  expect(having).toEqual(['controller']);
  const controller = services.find((each) => each.trim().startsWith('controller:')) ?? '';
  expect(controller).not.toMatch(/^ +ports:/m);
  expect(controller).toMatch(/networks: \[internal\]/);
  expect(text).toMatch(/internal: \{ internal: true \}/);
  for (const file of ['Dockerfile.gateway', 'Dockerfile.worker']) {
    expect(await readFile(join(projectFolder, file), 'utf8')).not.toContain('docker.sock');
  }
});

/** @returns the passwords of the Redis users by name, each read where its service reads it. */
async function passwordsOf(system: Compose): Promise<Record<string, string>> {
  const read = (service: string, file: string): Promise<string> =>
    system.run('exec', '-T', '--user', 'root', service, 'cat', `/run/ringpost/${file}`);
  const urls = await Promise.all([
    read('gateway-5000', 'redis-url'),
    read('controller', 'redis-url'),
    read('controller', 'worker-redis-url'),
  ]);
  return Object.fromEntries([
    ['admin', await read('redis', 'admin-password')],
    ...urls.map((url) => [new URL(url).username, new URL(url).password]),
  ]) as Record<string, string>; // the entries above
}

async function expectPasswordsApart(system: Compose): Promise<void> {
  const passwords = await passwordsOf(system);
  expect(Object.keys(passwords).toSorted()).toEqual(['admin', 'controller', 'gateway', 'worker']);
  expect(new Set(Object.values(passwords)).size).toBe(4);
  const files: Record<string, string> = {};
  for (const { id, service } of await containersOf(system)) {
    const seen = [
      JSON.stringify(await inspect(id)),
      await docker('exec', id, 'sh', '-c', 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; true'),
      await docker('logs', id),
    ].join();
    for (const [user, password] of Object.entries(passwords))
      expect(seen.includes(password), `${service} shows the password of ${user}`).toBe(false);
    files[service] = await docker('exec', id, 'sh', '-c', 'ls /run/ringpost 2>/dev/null | xargs');
  }
  expect(files).toEqual({
    'gateway-5000': 'redis-url',
    gateway: 'redis-url',
    controller: 'redis-url worker-redis-url',
    redis: 'admin-password users.acl',
    replica: '',
  });
  const [clients = '', log = '', ring = ''] = await Promise.all(
    (await documented('Looking into Redis')).map((line) => system.shell(line)),
  );
  const users = new Set(Array.from(clients.matchAll(/ user=(\S+)/g), ([, user = '']) => user));
  expect([...users].toSorted()).toEqual(['admin', 'controller', 'gateway', 'worker']);
  expect(log.trim(), 'commands that Redis refused').toBe('');
  expect(ring).toContain('S1');
  expect(await system.run('exec', '-T', 'redis', 'redis-cli', 'ping')).toContain('NOAUTH');
}

async function containersOf({ project }: Compose): Promise<readonly { id: string; service: string }[]> {
  const filters = { label: [`com.docker.compose.project=${project}`] };
  const containers = await engine.listContainers({ filters });
  return containers.map(({ Id, Labels }) => ({
    id: Id,
    service: Labels['com.docker.compose.service'] ?? '',
  }));
}

async function replicaIds(system: Compose): Promise<string[]> {
  const containers = await containersOf(system);
  return containers.flatMap(({ id, service }) => (service === 'replica' ? [id] : [])).toSorted();
}

/** Expects `ps` and `logs` to show the replicas, if this version lists containers outside the file. */
async function expectListed(
  system: Compose,
  { listsOrphans }: ComposeCommand,
  names: readonly string[],
): Promise<void> {
  const listed = await system.run('ps');
  expect(listed).toContain('controller');
  if (!listsOrphans) return;
  for (const name of names) expect(listed).toMatch(new RegExp(`^${name} `, 'm'));
  const logs = await system.run('--project-name', system.project, 'logs', 'replica');
  for (const name of names) expect(logs).toContain(name);
}

async function expectSocketInControllerAlone(system: Compose): Promise<void> {
  const having = [];
  for (const { id, service } of await containersOf(system)) {
    const { Mounts, NetworkSettings } = await inspect(id);
    if (!Mounts.some(({ Source, Destination }) => `${Source} ${Destination}`.includes('docker.sock')))
      continue;
    having.push({ service, ports: Object.values(NetworkSettings.Ports).filter(Boolean) });
  }
  expect(having).toEqual([{ service: 'controller', ports: [] }]);
  const reach = docker('exec', 'S1', 'ls', socket);
  await expect(reach).rejects.toThrow('No such file');
}

async function expectHealthy(system: Compose): Promise<void> {
  await expect
    .poll(
      async () => {
        const states = [];
        for (const { id, service } of await containersOf(system)) {
          const { State, Config } = await inspect(id);
          // The controller does not listen, so it has no health check; its lease tells whether it lives.
          states.push(
            `${service} ${State.Health?.Status ?? `none of ${Config.Healthcheck?.Test?.[0] ?? 'it'}`}`,
          );
        }
        return states.toSorted();
      },
      { timeout: withinMs, interval: 500 },
    )
    .toEqual(
      [
        'controller none of NONE',
        'gateway-5000 healthy',
        ...Array.from({ length: 3 }, () => 'gateway healthy'),
        'redis healthy',
        ...Array.from({ length: 5 }, () => 'replica healthy'),
      ].toSorted(),
    );
}
