import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { parseLease } from '#shared/contract/lease.ts';
import { createKeys } from '#shared/store/keys/keys.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { findOrInstallRedis } from '../../../gateway/redis/redis-binary.ts';
import { startPrivateRedis } from '../../../gateway/redis/private-redis.ts';

const top = fileURLToPath(new URL('../../..', import.meta.url));

/** A process of ringpost that the simulation has started. */
export interface Started {
  readonly pid: number;
  /** The URL of a gateway; '' for any other process. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A Redis of the simulation's own, and one namespace in it. */
export interface Scene {
  readonly url: string;
  readonly namespace: string;
  readonly redis: Redis;
  readonly connection: Connection;
  readonly keys: Keys;
  /** Starts `gateway/main.ts` or `worker/main.ts`. */
  start(program: 'gateway' | 'worker', settings: NodeJS.ProcessEnv): Promise<Started>;
  /** @returns how many connections the namespace has, except the simulation's own. */
  connections(): Promise<number>;
}

/** Runs `act` with a new Redis, which is gone afterwards with all processes that `act` has started. */
export async function withScene<Result>(act: (scene: Scene) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'ringpost-scale-'));
  const log = (): void => undefined;
  const binary = await findOrInstallRedis({ env: process.env, mayInstall: false, log });
  const server = await startPrivateRedis({
    directory: join(directory, 'redis'),
    binary,
    portFrom: 17_390,
    log,
  });
  const namespace = 'scale';
  const redis = new Redis(server.url);
  const running = new Set<Started>();
  const start: Scene['start'] = async (program, settings) => {
    const child = spawn(process.execPath, [`${program}/main.ts`], {
      cwd: top,
      env: { ...process.env, REDIS_URL: server.url, NAMESPACE: namespace, LOG_LEVEL: 'fatal', ...settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const url = program === 'gateway' ? await readyUrl(child) : '';
    if (program === 'worker') await untilReady(redis, settings['REPLICA'] ?? '');
    const started: Started = {
      pid: child.pid ?? 0,
      url,
      stop: async () => {
        running.delete(started);
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGTERM');
        await once(child, 'exit');
      },
    };
    running.add(started);
    return started;
  };
  try {
    return await act({
      url: server.url,
      namespace,
      redis,
      connection: new Connection(redis, namespace),
      keys: createKeys(namespace),
      start,
      connections: async () =>
        String(await redis.client('LIST'))
          .split('\n')
          .filter((line) => line.includes(`name=${namespace}:`)).length,
    });
  } finally {
    await Promise.all(Array.from(running, (each) => each.stop()));
    redis.disconnect();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function untilReady(redis: Redis, replica: string): Promise<void> {
  const { lease } = createKeys('scale');
  while (parseLease((await redis.get(lease(replica))) ?? '')?.state !== 'ready') await delay(50);
}

/** @returns the URL in the line with which a program says that it is ready; '' if it names none. */
async function readyUrl(child: ChildProcess): Promise<string> {
  let text = '';
  const { stdout } = child;
  if (stdout === null) return '';
  stdout.setEncoding('utf8');
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) =>
      reject(new Error(`a program of ringpost exited with code ${code}: ${text}`)),
    );
    stdout.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve();
    });
  });
  return /https?:\/\/[\d.]+:\d+/.exec(text)?.[0] ?? '';
}

/** @returns the resident memory of a process, in MB. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1000;
}
