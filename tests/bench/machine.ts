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

/** What each server answers when it is asked for its version, and what of it is the version. */
const questions: readonly (readonly [name: ServerName, argument: string, version: RegExp])[] = [
  ['redis-server', '--version', /v=(\S+)/],
  ['nats-server', '--version', / v(\S+)/],
  ['haproxy', '-v', /version (\S+?)-/],
  ['nginx', '-v', /nginx\/(\S+)/],
  ['wrk', '-v', /wrk (?:debian\/)?([^\s-]+)/],
];

/** @returns what the machine is, and what runs on it. */
export async function describeMachine(): Promise<Machine> {
  const [load = 0] = loadavg();
  const versions: Record<string, string> = { node: process.versions.node };
  for (const [name, argument, version] of questions) {
    const found = version.exec(await answerOf(name, argument))?.[1];
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

/** @returns what a server says; nothing where it is not there. Some say it on stderr, some end with 1. */
async function answerOf(name: ServerName, argument: string): Promise<string> {
  const path = findServer(name);
  if (path === undefined) return '';
  return call(path, [argument]).then(
    ({ stdout, stderr }) => `${stdout}${stderr}`,
    (error: unknown) => {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }; // of execFile
      return `${stdout}${stderr}`;
    },
  );
}

/** It has no command that says it without a running node. */
async function rabbitVersion(): Promise<string | undefined> {
  const said = await call('dpkg-query', ['-W', '-f', '${Version}', 'rabbitmq-server']).catch(() => undefined);
  return said?.stdout.split('-')[0];
}

async function packageVersion(folder: URL, name: string): Promise<string> {
  const file = new URL(`node_modules/${name}/package.json`, folder);
  const text = await readFile(file, 'utf8').catch(() => '{"version":"not installed"}');
  return (JSON.parse(text) as { version: string }).version; // every package has one
}
