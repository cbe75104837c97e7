import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { monitored } from '../fixtures/monitored.ts';
import type { MonitoredCommand } from '../fixtures/monitored.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();
const file = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

it('without an SDK, gateway and worker load nothing of OpenTelemetry and leave the context as it is', async () => {
  const upstream = await recordingUpstream();
  const { redisUrl: REDIS_URL, namespace: NAMESPACE } = system();
  const current = await scratch();
  const IMPORTS = join(current.folder, 'imports');
  const { url } = await current.startReady({
    REDIS_URL,
    NAMESPACE,
    REPLICAS: '1',
    UPSTREAM: upstream.url,
    NODE_OPTIONS: `--import ${file('imports-spy.ts')}`,
    IMPORTS,
  });
  const context = { TraceParent: 'anything', tracestate: 'a=1', baggage: 'b=2' };
  expect((await fetch(url, { headers: context })).status).toBe(200);
  const { headers = [] } = upstream.got[0] ?? {};
  const names = ['traceparent', 'tracestate', 'baggage'];
  const values = names.map((name) => headers[headers.findIndex((each) => each.toLowerCase() === name) + 1]);
  expect(values).toEqual(['anything', 'a=1', 'b=2']);
  await expect(readFile(IMPORTS, 'utf8')).rejects.toThrow('ENOENT');
});

it('a request costs the same commands of Redis with an SDK as without', async () => {
  const { redisUrl: REDIS_URL, namespace: NAMESPACE } = system();
  const commands: MonitoredCommand[] = [];
  await monitored(REDIS_URL, (command) => commands.push(command));

  /** @returns the names and scripts of the commands that have to do with one request. */
  const costOf = async (NODE_OPTIONS: string): Promise<string[]> => {
    const current = await scratch();
    const settings = {
      REDIS_URL,
      NAMESPACE,
      REPLICAS: '1',
      NODE_OPTIONS,
      SPANS: join(current.folder, 'spans'),
    };
    const command = await current.startReady(settings);
    // Scripts are loaded by then.
    await fetch(command.url);
    const answer = await fetch(command.url);
    const id = answer.headers.get('ringpost-request') ?? '';
    // Every two seconds a gateway asks whether the jobs of its waiting requests exist.
    const about = (each: MonitoredCommand): boolean =>
      each[0]?.toUpperCase() !== 'EXISTS' && each.some((text) => text.includes(id));
    // The worker says in one command that the job is done.
    await expect.poll(() => commands.filter(about).length, { timeout: 10_000 }).toBeGreaterThan(1);
    command.kill('SIGTERM');
    await command.exited;
    return commands.filter(about).map(([name = '', key = '']) => {
      const alike = key.replace(id, 'ID').replace(/(inbox:).*|(deliveries:)\d+/, '$1$2');
      return `${name.toUpperCase()} ${alike}`;
    });
  };

  const without = await costOf('');
  expect(await costOf(`--import ${file('tracing.ts')}`)).toEqual(without);
});
