import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { encodeJob } from '#shared/contract/job.ts';
import { requestId } from '#shared/contract/request-id.ts';
import { createLogger } from '#shared/process/logger.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import { callbackReceiver } from '../fixtures/callback-receiver.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { clockAhead, useSkewedGateways } from '../fixtures/skewed-processes.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();
const startGateway = useSkewedGateways();
const handler = fileURLToPath(new URL('../fixtures/handlers/clocked.ts', import.meta.url));

/** Far more than any delay on a busy machine. */
const skewMs = 10_000;
/** What happens within this time cannot have followed a clock that is `skewMs` off. */
const soonMs = 5000;

const machineMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

/** @returns when a request first started or was aborted, by the clock of the machine. */
function machineTimeOf(what: 'run' | 'aborted', path: string): Promise<number> {
  return eventually(async () => {
    const line = (await workers.runs()).find((each) => each.startsWith(`${what} ${path} `));
    return line === undefined ? undefined : Number(line.split(' ')[2]);
  });
}

function startWorker(aheadMs: number, settings: NodeJS.ProcessEnv = {}): Promise<RunningCommand> {
  const lease = { LEASE_MS: '3000', HANDLER: handler };
  return workers.start(system(), 'S1', { ...clockAhead(aheadMs), ...lease, ...settings });
}

const sendAsync = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body: 'x', headers: { prefer: 'respond-async', ...headers } });

/** Expects that requests through a gateway end neither early nor late, and never start early. */
async function expectTimesKept(url: string, name: string): Promise<void> {
  const answer = await fetch(`${url}/plain-${name}`, { method: 'POST', body: 'x' });
  expect(answer.status).toBe(200);
  const { leftMs } = (await answer.json()) as { leftMs: number }; // as the handler answers
  expect(leftMs).toBeGreaterThan(30_000 - soonMs);
  expect(leftMs).toBeLessThanOrEqual(30_001);

  const asked = machineMs();
  const late = await fetch(`${url}/never-${name}`, { headers: { 'ringpost-deadline': '700' } });
  expect([late.status, await late.json()]).toMatchObject([504, { code: 'reply_timeout' }]);
  const abortedAfter = (await machineTimeOf('aborted', `/never-${name}`)) - asked;
  expect(abortedAfter).toBeGreaterThanOrEqual(690);
  expect(abortedAfter).toBeLessThan(700 + soonMs);

  const sent = machineMs();
  const accepted = await sendAsync(`${url}/delayed-${name}`, { 'ringpost-delay': '1' });
  expect(accepted.status).toBe(202);
  const waited = (await machineTimeOf('run', `/delayed-${name}`)) - sent;
  expect(waited).toBeGreaterThanOrEqual(990);
  expect(waited).toBeLessThan(1000 + soonMs);

  const ordered = { 'ringpost-attempts': '2', 'ringpost-order': 'key', 'ringpost-key': 'k' };
  const again = await fetch(`${url}/flaky-${name}`, { method: 'PUT', headers: ordered });
  expect(again.status).toBe(200);
  expect(machineMs() - sent).toBeLessThan(1000 + 2 * soonMs);
}

describe.each([skewMs, -skewMs])('a worker whose clock is %i ms ahead', (aheadMs) => {
  it.each(['batched', 'stock'])('keeps deadlines and delays (%s consumer)', async (consumer) => {
    await startWorker(aheadMs, { CONSUMER: consumer });
    const { url } = await system().start({ REPLICAS: '1', REPLICA_DRIVER: 'none' });
    await expectTimesKept(url, consumer);
    expect((await workers.runs()).filter((line) => line.startsWith('run /flaky'))).toHaveLength(2);
  });

  it('starts no job after its deadline, and tells the gateway', async () => {
    await startWorker(aheadMs, { CONCURRENCY: '1' });
    const { url } = await system().start({ REPLICAS: '1', REPLICA_DRIVER: 'none' });
    const { redis, keys } = system();
    const first = fetch(`${url}/hold?ms=1500`);
    await machineTimeOf('run', '/hold');
    // The test adds the job itself, so that no gateway takes it back.
    const connection = new Connection(redis, keys.prefix);
    const queues = new JobQueues(connection, createLogger('test', 'silent'));
    const request = { method: 'POST', target: '/too-late', headers: [], body: Buffer.alloc(0) };
    const clock = clockOf(connection);
    await clock.measure();
    const job = { gateway: 'test', deadline: clock.now() + 500, redelivery: 'never' } as const;
    const id = requestId(randomUUID(), 'S1');
    await queues.add('S1', id, encodeJob(request, job));
    await queues.close();
    const frame = await eventually(async () => (await redis.lpop(keys.inbox('S1', 'test'))) ?? undefined);
    expect(frame).toContain('reply_timeout');
    expect((await first).status).toBe(200);
    expect((await workers.runs()).filter((line) => line.includes('/too-late'))).toEqual([]);
  });
});

describe('gateways whose clocks differ by 20 s', () => {
  it(
    'keep the same deadlines and delays, and agree on the state of each request',
    { timeout: 60_000 },
    async () => {
      await startWorker(0);
      await system().start({ REPLICAS: '1', REPLICA_DRIVER: 'none' });
      const ahead = await startGateway(system(), skewMs);
      const behind = await startGateway(system(), -skewMs);
      await expectTimesKept(ahead.url, 'ahead');
      await expectTimesKept(behind.url, 'behind');

      const began = machineMs();
      const { headers } = await sendAsync(`${behind.url}/never`, { 'ringpost-deadline': '2000' });
      const path = headers.get('location') ?? '';
      const states = await Promise.all(
        [ahead, behind].map(async ({ url }) => {
          const now = (): Promise<{ state: string }> =>
            fetch(`${url}${path}`).then((response) => response.json() as Promise<{ state: string }>);
          const { state } = await now();
          await eventually(async () => (await now()).state === 'expired');
          return [state, machineMs() - began] as const;
        }),
      );
      for (const [state, ms] of states) {
        expect(['queued', 'running']).toContain(state);
        expect(ms).toBeGreaterThanOrEqual(1990);
        expect(ms).toBeLessThan(2000 + soonMs);
      }

      const send = (url: string): Promise<Response> =>
        fetch(`${url}/once`, { method: 'POST', body: 'x', headers: { 'idempotency-key': 'a' } });
      const texts = [await (await send(ahead.url)).text(), await (await send(behind.url)).text()];
      expect(texts[1]).toBe(texts[0]);
    },
  );

  it.each([skewMs, -skewMs])(
    'call back at the deadline, whichever accepted the request (one that is %i ms ahead)',
    { timeout: 60_000 },
    async (aheadMs) => {
      const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
      const receiver = await callbackReceiver(secret);
      const settings = { CALLBACK_SECRET: secret, CALLBACK_ALLOW: '127.0.0.1' };
      const worker = await startWorker(0);
      await system().start({ REPLICAS: '1', REPLICA_DRIVER: 'none', FAILOVER_MS: '60000' });
      const first = await startGateway(system(), aheadMs, settings);
      await startGateway(system(), -aheadMs, settings);
      // Only the gateway that calls back can end the request.
      worker.kill('SIGKILL');
      await worker.exited;
      const began = machineMs();
      const accepted = await sendAsync(`${first.url}/never`, {
        'ringpost-deadline': '1000',
        'ringpost-callback': receiver.url,
      });
      expect(accepted.status).toBe(202);
      first.command.kill('SIGKILL');
      await expect.poll(() => receiver.received.length, { timeout: 20_000 }).toBe(1);
      expect(machineMs() - began).toBeGreaterThanOrEqual(990);
      // The killed gateway may have consumed the queue's marker; then the other one polls after 5 s.
      expect(machineMs() - began).toBeLessThan(2000 + 2 * soonMs);
    },
  );
});

describe('the skew', () => {
  it('shows in /-/ring and each process warns of it once', { timeout: 60_000 }, async () => {
    const { redis, keys } = system();
    const worker = workers.launch(system(), 'S1', { ...clockAhead(skewMs), LOG_LEVEL: 'warn' });
    await worker.line(/clockAheadMs/);
    await system().start({ REPLICAS: '1', REPLICA_DRIVER: 'none' });
    const gateway = await startGateway(system(), -skewMs);
    await gateway.command.line(/clockAheadMs/);
    const ring = await eventually(async () => {
      const shown = (await (await fetch(`${gateway.url}/-/ring`)).json()) as {
        clockAheadMs: number;
        replicas: { clockAheadMs: number | null }[];
      }; // as its schema says
      return shown.replicas[0]?.clockAheadMs === null ? undefined : shown;
    });
    const off = (ms: number | null | undefined, from: number): number => Math.abs((ms ?? 0) - from);
    expect(off(ring.clockAheadMs, -skewMs)).toBeLessThan(1000);
    expect(off(ring.replicas[0]?.clockAheadMs, skewMs)).toBeLessThan(1000);
    // Leases are still renewed, and the clock is still measured.
    const measured = async (): Promise<number> =>
      Number(/cmdstat_time:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
    const before = await measured();
    await eventually(async () => (await measured()) >= before + 20);
    for (const { stdout, stderr } of [worker, gateway.command]) {
      const lines = `${stdout()}\n${stderr()}`.split('\n');
      expect(lines.filter((line) => line.includes('clockAheadMs'))).toHaveLength(1);
    }
    expect(await redis.exists(keys.lease('S1'))).toBe(1);
  });
});
