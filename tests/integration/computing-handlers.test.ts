import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway, System } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const HANDLER = './tests/fixtures/handlers/straying.ts';
const LEASE_MS = String(workerLeaseMs);
/** Longer than three leases. */
const computesMs = 2000;

type Ask = (path: string, method?: string) => Promise<Response>;

function asking({ url }: RunningGateway, key = 'k'): Ask {
  return (path, method = 'POST') => fetch(`${url}/${path}`, { method, headers: { 'ringpost-key': key } });
}

/** Resolves once the handler has started a request. */
function untilRun(path: string): Promise<boolean> {
  return eventually(async () => (await workers.runs()).some((line) => line.startsWith(`/${path} `)));
}

/** Starts a gateway, and one worker by hand. */
async function withWorker(current: System, settings: NodeJS.ProcessEnv = {}) {
  const worker = await workers.start(current, 'S1', { HANDLER, ...settings });
  const running = await current.start({ REPLICA_DRIVER: 'none', REPLICAS: '1', LEASE_MS });
  await running.gateway.watcher.until(({ ring }) => ring.has('S1'), 20_000);
  return { worker, ask: asking(running) };
}

async function consumerIsThere({ redis, keys }: System): Promise<boolean> {
  return (await redis.exists(keys.consumer('S1'))) === 1;
}

describe('a handler that computes for longer than LEASE_MS', () => {
  it.each(['batched', 'stock'])('keeps the lease and the jobs of its worker (%s)', async (CONSUMER) => {
    const current = system();
    const running = await current.start({
      REPLICAS: '1',
      HANDLER,
      LEDGER: workers.ledger(),
      LEASE_MS,
      CONSUMER,
    });
    const ask = asking(running);
    const before = (await (await ask('before')).json()) as object;
    const beside = ask('beside?ms=500');
    await untilRun('beside');
    const computed = [ask(`computes?ms=${computesMs}`), ask(`computes?ms=${computesMs}`, 'GET')];
    const answers = await Promise.all([beside, ...computed, ask('after')]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    for (const answer of answers) expect(await answer.json()).toEqual(before);
    expect((await workers.runs()).filter((line) => line.startsWith('/computes '))).toHaveLength(2);
    expect((await leaseOf(current, 'S1'))?.generation).toBe(1);
  });

  it('keeps the leases on adopted queues', async () => {
    const current = system();
    const settings = { HANDLER, LEASE_MS, CONCURRENCY: '2' };
    const [, second] = await Promise.all(['S1', 'S2'].map((name) => workers.start(current, name, settings)));
    const running = await current.start({
      REPLICA_DRIVER: 'none',
      REPLICAS: '2',
      LEASE_MS,
      FAILOVER_MS: '300',
    });
    await running.gateway.watcher.until(({ ring }) => ring.size === 2, 20_000);
    let at = 0;
    while (running.gateway.watcher.ring.owner(`k${at}`) !== 'S2') at += 1;
    const ask = asking(running, `k${at}`);
    // Requests that run when their worker dies wait for their own replica; waiting ones are adopted.
    const busy = ['busy-1', 'busy-2'].map((path) => ask(`${path}?ms=60000`));
    await Promise.all([untilRun('busy-1'), untilRun('busy-2')]);
    const waiting = ask('first?ms=5000', 'GET');
    await eventually(async () => (await current.redis.llen(current.keys.unfinished('S2').wait)) === 1);
    second?.kill('SIGKILL');
    expect((await Promise.all(busy)).map(({ status }) => status)).toEqual([502, 502]);
    await eventually(async () => (await leaseOf(current, 'S2'))?.state === 'adopted');
    await eventually(async () => (await workers.runs()).includes('/first S1'));
    // S1 owns its keys now, and computes while it holds both leases.
    const computed = ask(`computes?ms=${computesMs}`, 'GET');
    await untilRun('computes');
    let checks = 0;
    for (let over = false; !over; checks += 1) {
      expect((await leaseOf(current, 'S2'))?.state).toBe('adopted');
      expect((await leaseOf(current, 'S1'))?.state).toBe('ready');
      over = await Promise.race([
        computed.then(() => true),
        new Promise<false>((go) => setTimeout(go, 20, false)),
      ]);
    }
    expect(checks).toBeGreaterThan(10);
    expect((await computed).status).toBe(200);
    expect((await waiting).headers.get('ringpost-adopted-by')).toBe('S1');
  });

  it('gets no direct deliveries meanwhile, and gets them again afterwards', async () => {
    const current = system();
    const { redis, keys } = current;
    const { ask } = await withWorker(current);
    await eventually(() => consumerIsThere(current));
    // The answer is sent already, so only the lease thread makes the consumer register again.
    expect((await ask('computes-later?ms=1500', 'GET')).status).toBe(200);
    await eventually(async () => !(await consumerIsThere(current)));
    const asked = [ask('one', 'GET'), ask('two', 'GET')];
    const { wait, active } = keys.unfinished('S1');
    await expect.poll(() => redis.llen(wait)).toBe(2);
    expect(await redis.llen(active)).toBe(0);
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200]);
    await eventually(() => consumerIsThere(current));
  });

  it('registers for direct delivery again if it was idle while its event loop was stalled', async () => {
    const current = system();
    const { ask } = await withWorker(current);
    await eventually(() => consumerIsThere(current));
    expect((await ask('computes-later?ms=700', 'GET')).status).toBe(200);
    await eventually(async () => !(await consumerIsThere(current)));
    await eventually(() => consumerIsThere(current));
  });

  it('does not make its worker look dead to a health check', async () => {
    const current = system();
    const file = join(dirname(workers.ledger()), 'health');
    const { ask } = await withWorker(current, { HEALTH_FILE: file });
    const touched = (): Promise<number> => stat(file).then(({ mtimeMs }) => mtimeMs);
    await eventually(() => touched().catch(() => undefined));
    let answered = false;
    const computed = ask(`computes?ms=${computesMs}`).finally(() => (answered = true));
    await untilRun('computes');
    const before = await touched();
    await eventually(async () => (await touched()) > before + 1000);
    expect(answered).toBe(false);
    expect((await computed).status).toBe(200);
  });
});

describe('a handler that computes for longer than HANDLER_STALL_MS', () => {
  const HANDLER_STALL_MS = '700';
  const reason = 'its event loop stood still for 700 ms';

  it('loses the requests of its worker, which is replaced; the reason is recorded', async () => {
    const current = system();
    const settings = { HANDLER, LEDGER: workers.ledger(), LEASE_MS, HANDLER_STALL_MS };
    const ask = asking(await current.start({ REPLICAS: '1', ...settings }));
    const answer = await ask('computes?ms=60000');
    expect([answer.status, await answer.json()]).toMatchObject([502, { code: 'outcome_unknown' }]);
    expect((await ask('after')).status).toBe(200);
    expect((await leaseOf(current, 'S1'))?.generation).toBe(2);
    expect(await new CrashNotes(current.connection).read('S1')).toMatchObject({
      generation: 1,
      reason: `${reason}; killed by SIGKILL`,
    });
  });

  it('ends its lease at once if no driver sees the death', async () => {
    const current = system();
    const { worker, ask } = await withWorker(current, {
      LEASE_MS: '60000',
      HANDLER_STALL_MS,
      LOG_LEVEL: 'error',
    });
    const lost = ask('computes?ms=60000');
    expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' });
    const line = JSON.parse(worker.stderr().trim().split('\n').at(-1) ?? '') as object;
    expect(line).toMatchObject({ level: 50, role: 'worker', pid: worker.pid, replica: 'S1', reason });
    expect(await leaseOf(current, 'S1')).toBeUndefined();
    await workers.start(current, 'S1', { HANDLER });
    expect((await lost).status).toBe(502);
  });
});

it('a worker that computes after another worker has taken its lease is killed', async () => {
  const current = system();
  const { redis, keys } = current;
  const { worker, ask } = await withWorker(current);
  const lost = ask('computes?ms=60000');
  await untilRun('computes');
  await redis.incr(keys.leaseFence('S1'));
  expect((await worker.exited).signal).toBe('SIGKILL');
  await workers.start(current, 'S1', { HANDLER });
  expect((await lost).status).toBe(502);
});
