import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { RequestView } from '#shared/contract/views.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { DeadLetters } from '#shared/store/records/dead-letters.ts';
import { RequestRecords } from '#shared/store/records/request-records.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';
import { leaseOf, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const HANDLER = fileURLToPath(new URL('../fixtures/handlers/flaky.ts', import.meta.url));

afterEach(() => void vi.restoreAllMocks());

/** Two replicas: the owner of the key `hot`, and the other one. */
interface Pair extends RunningGateway {
  readonly owner: string;
  readonly next: string;
}

async function start(more: NodeJS.ProcessEnv = {}): Promise<Pair> {
  const running = await system().start({
    REPLICAS: '2',
    CONCURRENCY: '2',
    HANDLER,
    LEDGER: workers.ledger(),
    ...more,
  });
  const [owner = '', next = ''] = running.gateway.watcher.ring.successors('hot');
  return Object.assign(running, { owner, next });
}

const hot = { 'ringpost-key': 'hot' };
const retried = { ...hot, 'ringpost-attempts': '3' };
const loose = { ...retried, 'ringpost-affinity': 'loose' };
const background = { prefer: 'respond-async' };

interface Answered {
  readonly status: number;
  readonly replica: string | null;
  readonly spilledFrom: string | null;
  readonly id: string;
  readonly replayed: string | null;
  readonly text: string;
}

async function ask(
  url: string,
  path: string,
  headers: object,
  method = 'GET',
  body?: string,
): Promise<Answered> {
  const response = await fetch(`${url}${path}`, { method, headers: { ...headers }, ...(body && { body }) });
  return {
    status: response.status,
    replica: response.headers.get('ringpost-replica'),
    spilledFrom: response.headers.get('ringpost-spilled-from'),
    id: response.headers.get('ringpost-request') ?? '',
    replayed: response.headers.get('idempotent-replayed'),
    text: await response.text(),
  };
}

/** @returns the replicas that ran a path, in turn, each with the attempt. */
async function runsOf(path: string): Promise<readonly string[]> {
  const lines = (await workers.runs()).map((line) => line.split(' '));
  return lines.flatMap(([what, , ran, replica, attempt]) =>
    what === 'begin' && ran === path ? [`${replica} ${attempt}`] : [],
  );
}

/** Resolves once a request waits for its next attempt. @returns its id. */
async function untilPutBack(replica: string): Promise<string> {
  const { redis, keys } = system();
  const { delayed } = keys.unfinished(replica);
  await expect.poll(() => redis.zcard(delayed), { interval: 10 }).toBe(1);
  const [id = ''] = await redis.zrange(delayed, '0', '-1');
  return id;
}

/** Makes the owner of `hot` busy for about 2 s, past its cap. */
async function overload({ url, owner }: Pair): Promise<{ readonly done: Promise<unknown> }> {
  const { redis, keys } = system();
  const { wait, active } = keys.unfinished(owner);
  const done = Promise.all(Array.from({ length: 10 }, () => ask(url, '/busy?ms=500', hot)));
  await expect
    .poll(async () => (await redis.llen(wait)) + (await redis.llen(active)), { interval: 10 })
    .toBeGreaterThanOrEqual(8);
  return { done };
}

/** Takes a replica out of the ring. */
async function drain({ adminUrl, gateway }: Pair, replica: string): Promise<void> {
  const drained = await fetch(`${adminUrl}/-/api/replicas/${replica}/drain`, { method: 'POST' });
  expect(drained.status).toBe(202);
  await gateway.watcher.until(({ ring }) => !ring.has(replica), 5000);
}

async function pause({ adminUrl }: Pair, replica: string): Promise<void> {
  const { redis, keys } = system();
  const paused = await fetch(`${adminUrl}/-/api/replicas/${replica}/pause`, { method: 'POST' });
  expect(paused.status).toBe(202);
  await expect.poll(() => redis.hexists(keys.bullMq(keys.queue(replica), 'meta'), 'paused')).toBe(1);
}

const view = async (url: string, id: string, wait = 0): Promise<RequestView> =>
  (await (await fetch(`${url}/-/requests/${id}?wait=${wait}`)).json()) as RequestView; // as the route answers

describe('a loose request that is retried', () => {
  it('goes to another replica if its own is overloaded by then', async () => {
    const pair = await start();
    const { url, owner, next } = pair;
    const asked = ask(url, '/x?fail=1&retry-after=1', loose);
    const id = await untilPutBack(owner);
    const { done } = await overload(pair);
    const answer = await asked;
    expect([answer.status, answer.replica, answer.spilledFrom]).toEqual([200, next, owner]);
    expect([answer.id, id]).toEqual([id, expect.stringMatching(new RegExp(`\\.${owner}$`))]);
    expect(await runsOf('/x')).toEqual([`${owner} 1`, `${next} 2`]);
    await done;
  });

  it('stays if its replica is not overloaded, and asks Redis for nothing', async () => {
    const pair = await start();
    const move = vi.spyOn(JobQueues.prototype, 'move');
    const answer = await ask(pair.url, '/x?fail=2', loose);
    expect([answer.status, answer.replica, answer.spilledFrom]).toEqual([200, pair.owner, null]);
    expect(await runsOf('/x')).toEqual([1, 2, 3].map((attempt) => `${pair.owner} ${attempt}`));
    expect(move).not.toHaveBeenCalled();
  });

  it('takes a large body with it, and keeps its limit of attempts', async () => {
    const pair = await start();
    const { url, owner, next } = pair;
    const headers = { ...loose, 'ringpost-retry': 'always' };
    const asked = ask(url, '/x?fail=9&retry-after=2', headers, 'POST', 'x'.repeat(200_000));
    const id = await untilPutBack(owner);
    await drain(pair, owner);
    const answer = await asked;
    expect([answer.status, answer.text, answer.replica]).toEqual([503, 'failed 3', next]);
    expect(await runsOf('/x')).toEqual([`${owner} 1`, `${next} 2`, `${next} 3`]);
    const { redis, keys } = system();
    const left = [owner, next].flatMap((replica) => [keys.requestBody(replica, id), keys.job(replica, id)]);
    // The worker removes the body after it has answered.
    await expect.poll(() => redis.exists(...left)).toBe(0);
  });

  it('can be found for as long as its answer may take', async () => {
    const { redis, keys } = system();
    const pair = await start({ REPLY_TIMEOUT_MS: '10000' });
    const { url, owner } = pair;
    const asked = ask(url, '/x?fail=1&retry-after=2', { ...loose, 'ringpost-deadline': '600000' });
    const id = await untilPutBack(owner);
    await drain(pair, owner);
    expect((await asked).status).toBe(200);
    expect(await redis.pttl(keys.movedJob(id))).toBeGreaterThan(500_000);
  });

  it('keeps its deadline', async () => {
    const pair = await start();
    const { url, owner, next } = pair;
    const began = performance.now();
    const asked = ask(url, '/x?fail=1&retry-after=2&ms=900', { ...loose, 'ringpost-deadline': '3200' });
    await untilPutBack(owner);
    await drain(pair, owner);
    expect((await asked).status).toBe(504);
    expect(performance.now() - began).toBeLessThan(3700);
    expect(await runsOf('/x')).toEqual([`${owner} 1`, `${next} 2`]);
  });
});

describe('a request that is retried stays where it is', () => {
  it.each([
    ['with strict affinity, while its owner is the same', retried],
    ['in order', { ...loose, 'ringpost-order': 'key' }],
  ])('%s', async (_, headers) => {
    const pair = await start();
    const { url, owner } = pair;
    const asked = ask(url, '/x?fail=1&retry-after=1', headers);
    await untilPutBack(owner);
    const { done } = await overload(pair);
    const answer = await asked;
    expect([answer.status, answer.replica, answer.spilledFrom]).toEqual([200, owner, null]);
    expect(await runsOf('/x')).toEqual([`${owner} 1`, `${owner} 2`]);
    await done;
  });

  it.each(['waiting', 'async'])(
    'if a worker died while it ran it, for %s clients',
    async (client) => {
      const pair = await start();
      const { url, owner } = pair;
      const headers = { ...loose, ...(client === 'async' ? background : {}) };
      const asked = ask(url, '/x?fail=2&ms=400&retry-after=2', headers);
      await expect.poll(() => runsOf('/x')).toEqual([`${owner} 1`]);
      process.kill((await leaseOf(system(), owner))?.pid ?? 0, 'SIGKILL');
      const id = await untilPutBack(owner);
      await drain(pair, owner);
      await asked;
      if (client === 'async')
        expect(await view(url, id, 10)).toMatchObject({ state: 'done', replica: owner });
      expect(await runsOf('/x')).toEqual([1, 2, 3].map((attempt) => `${owner} ${attempt}`));
    },
    20_000,
  );
});

describe('a strict request whose owner has left the ring is retried by the present owner', () => {
  it('for a client that waits', async () => {
    const pair = await start();
    const { url, owner, next } = pair;
    const asked = ask(url, '/x?fail=1&retry-after=2', retried);
    await untilPutBack(owner);
    await drain(pair, owner);
    const answer = await asked;
    expect([answer.status, answer.replica, answer.spilledFrom]).toEqual([200, next, null]);
    expect(await runsOf('/x')).toEqual([`${owner} 1`, `${next} 2`]);
  });

  it('after the worker of the first attempt was killed between the two', async () => {
    const pair = await start({ FAILOVER_MS: '60000', RESPAWN: 'same' });
    const { url, owner, next } = pair;
    const asked = ask(url, '/x?fail=1&retry-after=2', retried);
    await untilPutBack(owner);
    await drain(pair, owner);
    process.kill((await leaseOf(system(), owner))?.pid ?? 0, 'SIGKILL');
    const answer = await asked;
    expect([answer.status, answer.replica]).toEqual([200, next]);
    expect(await runsOf('/x')).toEqual([`${owner} 1`, `${next} 2`]);
  });
});

it('a random key is retried by any replica', async () => {
  const { url } = await start({ REPLICAS: '4' });
  const headers = { 'ringpost-attempts': '2' };
  await Promise.all(Array.from({ length: 12 }, (_, at) => ask(url, `/any-${at}?fail=1`, headers)));
  const runs = await Promise.all(Array.from({ length: 12 }, (_, at) => runsOf(`/any-${at}`)));
  const replicas = runs.map((some) => some.map((run) => run.split(' ')[0]));
  expect(replicas.every((some) => some.length === 2)).toBe(true);
  // Each stays with a probability of about a quarter.
  expect(replicas.filter(([first, second]) => first !== second).length).toBeGreaterThan(2);
});

describe('a request with a record that was moved for its retry', () => {
  it('is found by its id and its idempotency key; answer, record and timeline say where it ran', async () => {
    const pair = await start();
    const { url, owner, next } = pair;
    const headers = { ...loose, 'idempotency-key': 'pay-1' };
    const asked = ask(url, '/pay?fail=1&retry-after=1&ms=300', headers, 'POST');
    const id = await untilPutBack(owner);
    const { done } = await overload(pair);
    await expect.poll(() => runsOf('/pay')).toEqual([`${owner} 1`, `${next} 2`]);
    // While it runs there.
    expect(await view(url, id)).toMatchObject({ state: 'running', replica: next, spilledFrom: owner });
    const repeat = await ask(url, '/pay?fail=1&retry-after=1&ms=300', headers, 'POST');
    const first = await asked;
    expect([first.status, first.replica, first.id]).toEqual([200, next, id]);
    expect([repeat.status, repeat.id, repeat.replayed, repeat.text]).toEqual([200, id, 'true', first.text]);
    expect(await view(url, id)).toMatchObject({
      state: 'done',
      attempts: 2,
      replica: next,
      spilledFrom: owner,
    });
    const reply = await fetch(`${url}/-/requests/${id}/reply`);
    expect([reply.status, reply.headers.get('ringpost-replica')]).toEqual([200, next]);
    const timeline = await (await fetch(`${url}/-/api/requests/${id}`)).text();
    expect(timeline).toContain(`A gateway selected its replica anew: it was moved to the queue of ${next}.`);
    expect(timeline).toContain(`It was added to the queue of ${owner}.`);
    expect(timeline).not.toContain('adopted');
    const listed = await (await fetch(`${url}/-/api/requests`)).text();
    expect(listed).toContain(`"replica":"${next}"`);
    await done;
    expect(await runsOf('/pay')).toEqual([`${owner} 1`, `${next} 2`]);
  });

  it('is not run a second time if its dead letter is redriven again', async () => {
    const { redis, keys } = system();
    const pair = await start();
    const { url, adminUrl, owner, next } = pair;
    const redrive = (letter: string): Promise<Response> =>
      fetch(`${adminUrl}/-/dead-letters/${letter}/redrive`, { method: 'POST' });
    const first = await ask(url, '/x?fail=9&retry-after=2', { ...retried, ...background });
    expect(await view(url, first.id, 8)).toMatchObject({ state: 'failed', attempts: 3 });
    await expect.poll(() => redis.exists(keys.deadLetter(first.id))).toBe(1);
    vi.spyOn(DeadLetters.prototype, 'remove').mockRejectedValueOnce(new Error('the gateway died'));
    expect((await redrive(first.id)).ok).toBe(false);
    const id = await untilPutBack(owner);
    await pause(pair, next);
    await drain(pair, owner);
    await expect.poll(() => redis.exists(keys.job(next, id)), { timeout: 3000 }).toBe(1);
    expect(await (await redrive(first.id)).json()).toMatchObject({ request: id });
    expect(await redis.exists(keys.job(owner, id), keys.deadLetter(first.id))).toBe(0);
  }, 20_000);

  it('is moved by another gateway if the one that has accepted it is gone', async () => {
    const pair = await start();
    const { owner, next } = pair;
    const other = await system().start({ ROLE: 'gateway' });
    const { id } = await ask(other.url, '/x?fail=1&retry-after=2', { ...loose, ...background });
    await untilPutBack(owner);
    await other.stop();
    await drain(pair, owner);
    expect(await view(pair.url, id, 5)).toMatchObject({ state: 'done', replica: next, attempts: 2 });
    expect(await runsOf('/x')).toEqual([`${owner} 1`, `${next} 2`]);
  });

  it('runs once, whichever of two gateways is first', async () => {
    const pair = await start();
    const { url, owner, next } = pair;
    await system().start({ ROLE: 'gateway' });
    const move = vi.spyOn(JobQueues.prototype, 'move');
    const { id } = await ask(url, '/x?fail=1&retry-after=2', { ...loose, ...background });
    await untilPutBack(owner);
    await drain(pair, owner);
    expect(await view(url, id, 5)).toMatchObject({ state: 'done', replica: next, attempts: 2 });
    expect(move).toHaveBeenCalledTimes(2);
    expect(await runsOf('/x')).toEqual([`${owner} 1`, `${next} 2`]);
  });

  it('keeps its answer as a stream, and any gateway reads it', async () => {
    const pair = await start();
    const { url, owner, next } = pair;
    const headers = { ...loose, 'ringpost-keep': 'stream' };
    const asked = ask(url, '/x?fail=1&retry-after=2', headers);
    const id = await untilPutBack(owner);
    await drain(pair, owner);
    const answer = await asked;
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { replica: next, attempt: 2 }]);
    const reply = await fetch(`${url}/-/requests/${id}/reply`);
    expect(await reply.text()).toBe(answer.text);
  });
});

describe('a request that was moved for its retry is cancelled', () => {
  const cancel = async (url: string, id: string): Promise<unknown> =>
    (await fetch(`${url}/-/requests/${id}`, { method: 'DELETE' })).json();

  /** Moves the retry of a request to a replica that is paused. @returns its id, once it is there. */
  async function moved(pair: Pair, headers: object): Promise<{ id: string; asked: Promise<Answered> }> {
    const { redis, keys } = system();
    const { url, owner, next } = pair;
    const asked = ask(url, '/x?fail=1&retry-after=2', { ...loose, ...headers });
    const id = await untilPutBack(owner);
    await pause(pair, next);
    await drain(pair, owner);
    await expect.poll(() => redis.exists(keys.job(next, id))).toBe(1);
    expect(await redis.exists(keys.job(owner, id))).toBe(0);
    return { id, asked };
  }

  it.each(['waiting', 'async'])('before it runs again, for %s clients', async (client) => {
    const pair = await start();
    const { url, owner, next } = pair;
    const other = await system().start({ ROLE: 'gateway' });
    const { id, asked } = await moved(pair, client === 'async' ? background : {});
    expect(await view(other.url, id)).toMatchObject({ state: client === 'async' ? 'queued' : 'running' });
    expect(await cancel(other.url, id)).toMatchObject({ state: 'cancelled', replica: next });
    if (client === 'waiting') expect(JSON.parse((await asked).text)).toMatchObject({ code: 'cancelled' });
    const { redis, keys } = system();
    await expect.poll(() => redis.exists(keys.job(next, id))).toBe(0);
    await fetch(`${url}/-/api/replicas/${next}/resume`, { method: 'POST' });
    expect(await runsOf('/x')).toEqual([`${owner} 1`]);
  });

  it('while it is moved', async () => {
    const { redis, keys } = system();
    const pair = await start();
    const { url, owner, next } = pair;
    const other = await system().start({ ROLE: 'gateway' });
    const asked = ask(url, '/x?fail=1&retry-after=2', loose);
    const id = await untilPutBack(owner);
    await pause(pair, next);
    const real = RequestRecords.prototype.find;
    vi.spyOn(RequestRecords.prototype, 'find').mockImplementationOnce(async function late(
      this: RequestRecords,
      given,
    ) {
      const found = await real.call(this, given);
      await drain(pair, owner);
      await expect.poll(() => redis.exists(keys.job(next, id)), { timeout: 3000 }).toBe(1);
      return found;
    });
    expect(await cancel(other.url, id)).toMatchObject({ state: 'cancelled', replica: next });
    expect(JSON.parse((await asked).text)).toMatchObject({ code: 'cancelled' });
    expect(await runsOf('/x')).toEqual([`${owner} 1`]);
  });

  it('while it runs again', async () => {
    const pair = await start();
    const { url, owner, next } = pair;
    const asked = ask(url, '/x?fail=1&retry-after=2&ms=600', { ...loose, prefer: 'wait=20' });
    const id = await untilPutBack(owner);
    await drain(pair, owner);
    await expect.poll(() => runsOf('/x'), { interval: 10 }).toEqual([`${owner} 1`, `${next} 2`]);
    expect(await cancel(url, id)).toMatchObject({ replica: next });
    expect(JSON.parse((await asked).text)).toMatchObject({ code: 'cancelled' });
  });

  it('if its client leaves', async () => {
    const pair = await start();
    const { redis, keys } = system();
    const { url, owner, next } = pair;
    const client = new AbortController();
    const asked = fetch(`${url}/x?fail=1&retry-after=2`, { headers: loose, signal: client.signal });
    const id = await untilPutBack(owner);
    await pause(pair, next);
    await drain(pair, owner);
    await expect.poll(() => redis.exists(keys.job(next, id))).toBe(1);
    client.abort();
    await expect(asked).rejects.toThrow('aborted');
    await expect.poll(() => redis.exists(keys.job(next, id))).toBe(0);
  });
});

describe('a client that waits gets its answer if the call that moves its retry fails', () => {
  const broken = new Error('Connection is closed.');

  it.each([
    ['after Redis has moved it', true, broken, 'next', 2],
    // Its first replica has it when the gateway asks again.
    ['before Redis has moved it', false, broken, 'owner', 2],
    ['since Redis refuses', false, Object.assign(new Error('READONLY'), { name: 'ReplyError' }), 'owner', 1],
  ] as const)('%s', async (_, isMoved, error, by, calls) => {
    const pair = await start();
    const real = JobQueues.prototype.move;
    const move = vi.spyOn(JobQueues.prototype, 'move').mockImplementationOnce(async function late(
      this: JobQueues,
      call,
    ) {
      if (isMoved) await real.call(this, call);
      throw error;
    });
    const asked = ask(pair.url, '/x?fail=1&retry-after=2&ms=300', retried);
    await untilPutBack(pair.owner);
    await drain(pair, pair.owner);
    const answer = await asked;
    expect([answer.status, answer.replica]).toEqual([200, pair[by]]);
    expect(move).toHaveBeenCalledTimes(calls);
    expect(await runsOf('/x')).toEqual([`${pair.owner} 1`, `${pair[by]} 2`]);
  });

  it('and the job is taken back if the client leaves during the call', async () => {
    const pair = await start();
    const { redis, keys } = system();
    const { url, owner, next } = pair;
    const real = JobQueues.prototype.move;
    const [called, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    vi.spyOn(JobQueues.prototype, 'move').mockImplementationOnce(async function late(this: JobQueues, call) {
      const moved = await real.call(this, call);
      called.resolve();
      await left.promise;
      return moved;
    });
    const client = new AbortController();
    const asked = fetch(`${url}/x?fail=1&retry-after=2`, { headers: retried, signal: client.signal });
    const id = await untilPutBack(owner);
    await pause(pair, next);
    await drain(pair, owner);
    await called.promise;
    client.abort();
    await expect(asked).rejects.toThrow('aborted');
    left.resolve();
    await expect.poll(() => redis.exists(keys.job(next, id), keys.job(owner, id))).toBe(0);
  });
});
