import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createGateway, createWorker } from '../../gateway/package/index.ts';
import type { Handler, RingpostWorker, WorkerSettings } from '../../gateway/package/index.ts';
import { startRingpost } from '../../gateway/package/testing.ts';
import { isAlive } from '../fixtures/command.ts';
import { roleUrl } from '../fixtures/redis-users.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** A worker of S1 in this process, with the Redis user of workers. */
function workerOf(handler: Handler, settings: Partial<WorkerSettings> = {}): RingpostWorker {
  const { redisUrl, namespace: NAMESPACE } = system();
  const REDIS_URL = roleUrl(redisUrl, NAMESPACE, 'worker');
  return createWorker({ REDIS_URL, NAMESPACE, REPLICA: 'S1', LOG_LEVEL: 'silent', ...settings }, handler);
}

/** A gateway whose replica S1 is run by a worker in this process. */
async function startWith(worker: RingpostWorker): Promise<string> {
  const starting = system().start({ REPLICA_DRIVER: 'none', REPLICAS: '1' });
  await worker.start();
  return (await starting).url;
}

/** A handler whose requests wait until they are released. */
function waitingHandler() {
  const asked = Promise.withResolvers<AbortSignal>();
  const released = Promise.withResolvers<void>();
  const handler: Handler = async (_, { signal }) => {
    asked.resolve(signal);
    await released.promise;
    return new Response('done');
  };
  return { handler, asked: asked.promise, release: () => released.resolve() };
}

describe('createWorker', () => {
  it('runs a replica in this process, with a native Request', async () => {
    const worker = workerOf({
      fetch: async (request, { replica }) => {
        const copy = new Request(request);
        return new Response(`${replica} ${request.method} ${await copy.text()}`);
      },
    });
    const url = await startWith(worker);
    const response = await fetch(`${url}/x`, { method: 'POST', body: 'hello' });
    expect(await response.text()).toBe('S1 POST hello');
    await worker.stop();
    expect(await worker.ended).toMatchObject({ reason: 'stopped' });
  });

  it('finishes the requests that it holds when it is stopped', async () => {
    const { handler, asked, release } = waitingHandler();
    const worker = workerOf(handler);
    const url = await startWith(worker);
    const answer = fetch(url);
    const signal = await asked;
    const stopped = worker.stop();
    release();
    expect(await (await answer).text()).toBe('done');
    await stopped;
    expect(signal.aborted).toBe(false);
  });

  it('abandons requests after DRAIN_TIMEOUT_MS, and the next worker runs those that may be repeated', async () => {
    const { handler, asked, release } = waitingHandler();
    const worker = workerOf(handler, { DRAIN_TIMEOUT_MS: 100 });
    const url = await startWith(worker);
    const answer = fetch(url);
    const signal = await asked;
    await worker.stop();
    expect(signal.aborted).toBe(true);
    const next = workerOf(() => new Response('again'));
    await next.start();
    expect(await (await answer).text()).toBe('again');
    release();
    await next.stop();
  });

  it('ends without ending the process if another worker runs its replica', async () => {
    const { handler, asked, release } = waitingHandler();
    const worker = workerOf(handler, { LEASE_MS: 600 });
    const url = await startWith(worker);
    const answer = fetch(url);
    const signal = await asked;
    const next = workerOf(() => new Response('next'));
    const starting = next.start();
    await system().redis.del(system().keys.lease('S1'));
    expect(await worker.ended).toMatchObject({ reason: 'superseded' });
    expect(signal.aborted).toBe(true);
    await starting;
    expect(await (await answer).text()).toBe('next');
    release();
    await next.stop();
  });

  it('stops while it waits for the lease of another worker', async () => {
    const worker = workerOf(() => new Response());
    await startWith(worker);
    const waiting = workerOf(() => new Response());
    const starting = waiting.start();
    starting.catch(() => undefined);
    const { redis, keys } = system();
    await expect.poll(() => redis.exists(keys.standby('S1'))).toBe(1);
    await waiting.stop();
    await expect(starting).rejects.toThrow(/stopped|leaving|left|closed/);
    await expect(waiting.start()).rejects.toThrow(/stopped|leaving|left|closed/);
    await worker.stop();
  });

  it('cannot start without Redis, and says why', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number }; // it listens on TCP
    server.close();
    const worker = workerOf(() => new Response(), { REDIS_URL: `redis://127.0.0.1:${port}` });
    await expect(worker.start()).rejects.toThrow(`127.0.0.1:${port}`);
    expect(await worker.ended).toMatchObject({ reason: 'failed' });
  });

  it('refuses settings of a worker in a process of its own, and what is no handler', async () => {
    const faulty = { REDIS_URL: 'redis://a', REPLICA: 'S1', HANDLER: 'a.ts', CONCURENCY: 1 };
    expect(() => createWorker(faulty, () => new Response())).toThrow(
      /HANDLER is not a setting\n.*CONCURENCY is not a setting; did you mean CONCURRENCY\?/,
    );
    const given: unknown = 'handler.ts';
    const worker = workerOf(given as Handler); // a caller without types may do this
    await expect(worker.start()).rejects.toThrow('createWorker: the handler must be a function');
  });
});

describe('createGateway', () => {
  it('refuses misspelt names and faulty values at once', () => {
    const faulty: object = { REPLICS: 2 };
    expect(() => createGateway(faulty)).toThrow('REPLICS is not a setting; did you mean REPLICAS?');
    expect(() => createGateway({ PORT: 70_000 })).toThrow('PORT is "70000"; it must be from 0 to 65535');
  });

  it('runs workers, and ends when it is stopped', async () => {
    const { namespace: NAMESPACE, redisUrl } = system();
    const gateway = createGateway({
      PORT: 0,
      REPLICAS: 1,
      NAMESPACE,
      REDIS_URL: redisUrl,
      WORKER_REDIS_URL: roleUrl(redisUrl, NAMESPACE, 'worker'),
      LOG_LEVEL: 'silent',
    });
    expect(() => gateway.url).toThrow('it was not started');
    expect(await gateway.start()).toEqual({ ready: ['S1'], missing: [] });
    expect((await fetch(`${gateway.url}/home`)).status).toBe(200);
    await gateway.stop();
    expect(await gateway.ended).toMatchObject({ reason: 'stopped' });
  });

  it('stops everything if it cannot listen, and says why', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number }; // it listens on TCP
    const { namespace: NAMESPACE, redisUrl: REDIS_URL } = system();
    const gateway = createGateway({ PORT: port, REPLICAS: 0, NAMESPACE, REDIS_URL, LOG_LEVEL: 'silent' });
    await expect(gateway.start()).rejects.toThrow('EADDRINUSE');
    expect(await gateway.ended).toMatchObject({ reason: 'failed' });
    await gateway.stop();
    server.close();
  });
});

describe('startRingpost', () => {
  it('runs a function in this process', async () => {
    await using ringpost = await startRingpost({
      handler: (_, { replica }) => new Response(replica),
      settings: { HASH_KEY: 'query:user', LOG_LEVEL: 'silent' },
    });
    const first = await (await ringpost.fetch('/?user=ada')).text();
    expect(await ringpost.client.replicas()).toEqual(['S1', 'S2']);
    expect(await (await ringpost.fetch('/?user=ada')).text()).toBe(first);
  });

  it('runs a file in a process of its own, which is gone after the stop', async () => {
    const settings = { LOG_LEVEL: 'silent' } as const;
    const ringpost = await startRingpost({ handler: handlerFile('pid'), replicas: 1, settings });
    const pid = Number(await (await ringpost.fetch('/')).text());
    expect(pid).not.toBe(process.pid);
    expect(await isAlive(pid)).toBe(true);
    await ringpost.stop();
    expect(await isAlive(pid)).toBe(false);
  });

  it('says which replicas did not start', async () => {
    const settings = { LOG_LEVEL: 'silent', START_TIMEOUT_MS: 2000 } as const;
    const starting = startRingpost({ handler: handlerFile('broken'), replicas: 1, settings });
    await expect(starting).rejects.toThrow('these replicas did not start: S1');
  });
});
