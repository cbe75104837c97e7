import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import type { Machine } from './results.ts';
import { findServer } from './servers/servers.ts';
import type { ServerName } from './servers/servers.ts';

const call = promisify(execFile);
const root = new URL('../../', import.meta.url);
const bench = new URL('./', import.meta.url);

/** How to ask each program for its version, and how to find it in the output. */
const versionCommands: readonly (readonly [name: ServerName, argument: string, version: RegExp])[] = [
  ['redis-server', '--version', /v=(\S+)/],
  ['nats-server', '--version', / v(\S+)/],
  ['haproxy', '-v', /version (\S+?)-/],
  ['nginx', '-v', /nginx\/(\S+)/],
  ['wrk', '-v', /wrk (?:debian\/)?([^\s-]+)/],
];

/** @returns the hardware, the operating system and the versions of the software. */
export async function describeMachine(): Promise<Machine> {
  const [load = 0] = loadavg();
  const versions: Record<string, string> = { node: process.versions.node };
  for (const [name, argument, version] of versionCommands) {
    const found = version.exec(await outputOf(name, argument))?.[1];
    if (found !== undefined) versions[name] = found;
  }
  const rabbit = await rabbitVersion();
  if (rabbit !== undefined) versions['rabbitmq-server'] = rabbit;
  for (const name of ['fastify', 'bullmq', 'ioredis', 'undici'])
    versions[name] = await packageVersion(root, name);
  const own = JSON.parse(await readFile(new URL('package.json', bench), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(own.dependencies)) {
    if (!/vega|resvg/.test(name)) versions[name] = await packageVersion(bench, name);
  }
  return {
    processors: availableParallelism(),
    model: cpus()[0]?.model ?? 'unknown',
    memoryMb: Math.round(totalmem() / 2 ** 20),
    system: `${type()} ${release()}`,
    versions,
    loadBefore: load,
  };
}

/** @returns the output of a program on stdout and stderr, whatever its exit code; empty if it is missing. */
async function outputOf(name: ServerName, argument: string): Promise<string> {
  const path = findServer(name);
  if (path === undefined) return '';
  return call(path, [argument]).then(
    ({ stdout, stderr }) => `${stdout}${stderr}`,
    (error: unknown) => {
      // execFile rejects with an error that has both.
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return `${stdout}${stderr}`;
    },
  );
}

/** RabbitMQ can report its version only while a node runs, so dpkg is asked. */
async function rabbitVersion(): Promise<string | undefined> {
  const output = await call('dpkg-query', ['-W', '-f', '${Version}', 'rabbitmq-server']).catch(
    () => undefined,
  );
  return output?.stdout.split('-')[0];
}

async function packageVersion(folder: URL, name: string): Promise<string> {
  const file = new URL(`node_modules/${name}/package.json`, folder);
  const text = await readFile(file, 'utf8').catch(() => '{"version":"not installed"}');
  return (JSON.parse(text) as { version: string }).version; // every package has one
}
