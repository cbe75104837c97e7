import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import type { Lease } from '#shared/contract/lease.ts';
import { redisOptions } from '#shared/store/target/redis-options.ts';
import { doubledPosts } from '../fixtures/mixed-load.ts';
import { withUsers } from '../fixtures/redis-users.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { fileRedisUrl } from '../fixtures/file-redis.ts';
import { keysOn } from '../fixtures/redis-group.ts';

const scratch = useScratch();

/**
 * A client that keeps its connections; Node's agent honours `Connection: close`. If a connection is refused,
 * or reset before its first use, it tries the next gateway; it repeats nothing else. Such a reset cannot be
 * prevented: the kernel had the connection, but the gateway stopped listening before it accepted it.
 */
function keepingClient(ports: readonly number[]): (method: string, path: string) => Promise<string> {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const ask = async (method: string, path: string, port: number): Promise<string | undefined> => {
    const sent = request({ agent, method, path, host: '127.0.0.1', port });
    sent.end();
    try {
      const [response] = (await once(sent, 'response')) as [IncomingMessage]; // as Node documents `response`
      response.resume();
      await once(response, 'end');
      return `${method} ${response.statusCode}`;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      const refused = code === 'ECONNREFUSED' || (code === 'ECONNRESET' && !sent.reusedSocket);
      return refused ? undefined : `${method} ${code}`;
    }
  };
  return async (method, path) => {
    for (let at = randomInt(ports.length); ; at += 1) {
      const answer = await ask(method, path, ports[at % ports.length] ?? 0);
      if (answer !== undefined) return answer;
      await delay(10);
    }
  };
}

it('a rolling restart of all gateways and all replicas under load fails no request', async () => {
  const { start, startReady, folder } = await scratch();
  const ledger = `${folder}/ledger`;
  const namespace = `rolling-${randomBytes(4).toString('hex')}`;
  const keys = keysOn(fileRedisUrl, namespace);
  const env = {
    REDIS_URL: fileRedisUrl,
    NAMESPACE: namespace,
    REPLICAS: '3',
    HANDLER: handlerFile('ledger'),
    LEDGER: ledger,
  };
  const redis = new Redis(redisOptions(fileRedisUrl, namespace));
  onTestFinished(async () => {
    const left = await redis.keys(`${keys.prefix}:*`);
    if (left.length > 0) await redis.unlink(...left);
    redis.disconnect();
  });
  const controller = start(await withUsers({ ...env, ROLE: 'controller' }));
  await controller.line(/^ringpost controller ready/);
  const startGateway = (port: string): ReturnType<typeof startReady> =>
    startReady({ ...env, ROLE: 'gateway', PORT: port });
  const gateways = await Promise.all(['0', '0', '0'].map((port) => startGateway(port)));
  const ports = gateways.map(({ url }) => Number(new URL(url).port));
  const leaseOf = async (name: string): Promise<Lease | undefined> => {
    const json = await redis.get(keys.lease(name));
    return json === null ? undefined : (JSON.parse(json) as Lease); // only workers write it
  };
  for (const name of ['S1', 'S2', 'S3'])
    await expect.poll(async () => (await leaseOf(name))?.state, { timeout: 15_000 }).toBe('ready');
  await expect
    .poll(
      async () =>
        (await Promise.all(ports.map((port) => fetch(`http://127.0.0.1:${port}/-/ready`)))).map(
          ({ status }) => status,
        ),
      {
        timeout: 5000,
      },
    )
    .toEqual([200, 200, 200]);

  const ask = keepingClient(ports);
  const ended = new AbortController();
  const answers: string[] = [];
  const clients = Array.from({ length: 12 }, async (_, client) => {
    for (let at = 0; !ended.signal.aborted; at += 1)
      answers.push(await ask(at % 2 === 0 ? 'GET' : 'POST', `/c${client}-${at}?ms=${at % 20}`));
  });
  await delay(1000);
  for (const [at, port] of ports.entries()) {
    const gateway = gateways[at];
    gateway?.kill('SIGTERM');
    expect(await gateway?.exited).toEqual({ code: 0, signal: null });
    await startGateway(String(port));
    await delay(300);
  }
  for (const name of ['S1', 'S2', 'S3']) {
    const before = await leaseOf(name);
    process.kill(before?.pid ?? Number.NaN, 'SIGTERM');
    await expect
      .poll(
        async () => {
          const lease = await leaseOf(name);
          return lease?.state === 'ready' && lease.pid !== before?.pid;
        },
        { timeout: 15_000 },
      )
      .toBe(true);
    await delay(300);
  }
  ended.abort();
  await Promise.all(clients);
  const counts = Object.fromEntries(
    Map.groupBy(answers, (each) => each)
      .entries()
      .map(([kind, all]) => [kind, all.length]),
  );
  console.log(`rolling restart: ${JSON.stringify(counts)}`);
  expect(Object.keys(counts).toSorted()).toEqual(['GET 200', 'POST 200']);
  expect(await doubledPosts(ledger)).toEqual([]);
});
