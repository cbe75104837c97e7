import { describe, expect, it } from 'vitest';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { useSystem } from '../fixtures/system.ts';
import type { System } from '../fixtures/system.ts';
import { eventually, leaseOf, useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

const system = useSystem();
const workers = useWorkers();

/** Starts a gateway and, by hand, a worker whose handler causes unhandled errors. */
async function withWorker(current: System, settings: NodeJS.ProcessEnv = {}) {
  const worker = await startWorker(current, settings);
  const { url, gateway } = await current.start({
    REPLICA_DRIVER: 'none',
    REPLICAS: '1',
    LEASE_MS: String(workerLeaseMs),
  });
  await gateway.watcher.until(({ ring }) => ring.has('S1'), 20_000);
  const ask = (path: string, method = 'POST'): Promise<Response> => fetch(`${url}/${path}`, { method });
  return { worker, ask };
}

function startWorker(current: System, settings: NodeJS.ProcessEnv = {}): Promise<RunningCommand> {
  const HANDLER = './tests/fixtures/handlers/straying.ts';
  return workers.start(current, 'S1', { HANDLER, LOG_LEVEL: 'error', ...settings });
}

function untilRun(path: string): Promise<boolean> {
  return eventually(async () => (await workers.runs()).some((line) => line.startsWith(`/${path} `)));
}

/** @returns the lines that a worker logged with this message. */
function logged(worker: RunningCommand, msg: string): { err: { stack: string; message: string } }[] {
  const lines = worker.stderr().split('\n');
  return lines.filter((line) => line.includes(`"msg":"${msg}"`)).map((line) => JSON.parse(line) as never);
}

describe('a rejection that a handler leaves unhandled', () => {
  it('is logged with its stack, and ends nothing', async () => {
    const current = system();
    const { worker, ask } = await withWorker(current);
    const beside = ask('beside?ms=500');
    await untilRun('beside');
    expect((await ask('leaves-a-rejection?ms=50')).status).toBe(200);
    const found = (): object[] => logged(worker, 'a rejected promise was not handled');
    await expect.poll(() => found().length).toBe(1);
    expect(found()[0]).toMatchObject({ rejections: 1, err: { message: 'left behind' } });
    expect(found()[0]).toMatchObject({ err: { stack: expect.stringContaining('straying.ts') as string } });
    const answers = await Promise.all([beside, ask('after')]);
    for (const answer of answers) expect(await answer.json()).toEqual({ replica: 'S1', pid: worker.pid });
  });

  it('ends nothing even if its error cannot be read', async () => {
    const { worker, ask } = await withWorker(system());
    expect((await ask('leaves-an-odd-rejection')).status).toBe(200);
    await expect.poll(() => logged(worker, 'a rejected promise was not handled').length).toBe(1);
    expect(await (await ask('after')).json()).toEqual({ replica: 'S1', pid: worker.pid });
  });

  it('does not flood the log, however many there are', async () => {
    const { worker, ask } = await withWorker(system());
    for (let times = 0; times < 3; times += 1) {
      expect((await ask('leaves-many-rejections')).status).toBe(200);
    }
    expect((await ask('after')).status).toBe(200);
    expect(logged(worker, 'a rejected promise was not handled')).toHaveLength(20);
  });
});

describe('a worker with an uncaught exception', () => {
  it('takes no more jobs, finishes those that it holds, and exits with 1', async () => {
    const current = system();
    const { worker, ask } = await withWorker(current);
    const held = [ask('held?ms=1500'), ask('held?ms=1000', 'GET')];
    await eventually(async () => (await workers.runs()).length === 2);
    expect((await ask('throws-later?ms=50')).status).toBe(200);
    await eventually(async () => (await leaseOf(current, 'S1'))?.state === 'leaving');
    const next = ask('next');
    const answers = await Promise.all(held);
    for (const answer of answers) expect(await answer.json()).toEqual({ replica: 'S1', pid: worker.pid });
    expect(await worker.exited).toEqual({ code: 1, signal: null });
    const line = logged(worker, 'an exception was not caught')[0];
    expect(line).toMatchObject({ exceptions: 1, err: { message: 'thrown later' } });
    expect(line?.err.stack).toContain('straying.ts');
    const crash = await new CrashNotes(current.connection).read('S1');
    expect(crash).toMatchObject({ generation: 1, reason: 'an exception was not caught: thrown later' });
    expect(crash?.requests).toHaveLength(2);
    const replacement = await startWorker(current);
    expect(await (await next).json()).toEqual({ replica: 'S1', pid: replacement.pid });
  });

  it('abandons requests after DRAIN_TIMEOUT_MS, and logs few of the further exceptions', async () => {
    const current = system();
    const { worker, ask } = await withWorker(current, { DRAIN_TIMEOUT_MS: '800' });
    const lost = ask('throws-and-hangs');
    await untilRun('throws-and-hangs');
    const began = performance.now();
    expect((await worker.exited).code).toBe(1);
    expect(performance.now() - began).toBeLessThan(3000);
    expect(logged(worker, 'an exception was not caught')).toHaveLength(20);
    await startWorker(current);
    const answer = await lost;
    expect([answer.status, await answer.json()]).toMatchObject([502, { code: 'outcome_unknown' }]);
  });

  it('is replaced by its driver', async () => {
    const current = system();
    const { url } = await current.start({
      REPLICAS: '1',
      // The replica stays in the ring until its next worker is there.
      FAILOVER_MS: '60000',
      HANDLER: './tests/fixtures/handlers/straying.ts',
      LOG_LEVEL: 'silent',
    });
    const ask = (path: string): Promise<Response> => fetch(`${url}/${path}`, { method: 'POST' });
    const held = ask('held?ms=700');
    expect((await ask('throws-later?ms=50')).status).toBe(200);
    expect((await held).status).toBe(200);
    await eventually(async () => (await leaseOf(current, 'S1'))?.generation === 2);
    expect((await ask('after')).status).toBe(200);
  });
});
