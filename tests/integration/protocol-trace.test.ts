import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobData } from '#shared/contract/job.ts';
import { parseLease } from '#shared/contract/lease.ts';
import { parseJob } from '#shared/contract/job.ts';
import { createLogger } from '#shared/process/logger.ts';
import { JobQueues } from '#shared/store/queue/job-queues.ts';
import type { TracedEvent } from '#shared/trace/protocol-event.ts';
import { openTraceFile } from '#shared/trace/trace-file.ts';
import { checkHistory, violationLine } from '../history/check-history.ts';
import { readTrace } from '../history/read-trace.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const handler = fileURLToPath(new URL('../chaos/ledger-work.ts', import.meta.url));

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringpost-protocol-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const settings = (): NodeJS.ProcessEnv => ({
  PROTOCOL_TRACE: join(folder, 'trace'),
  HANDLER: handler,
  LEDGER_DIRECTORY: folder,
  REPLICAS: '1',
});

const trace = (): TracedEvent[] => [...readTrace(join(folder, 'trace'))];

/** Kills the worker of S1. @returns once another one has the lease. */
async function replaceWorker(): Promise<void> {
  const { redis, keys } = system();
  const read = async (): Promise<number | undefined> =>
    parseLease((await redis.get(keys.lease('S1'))) ?? '')?.pid;
  const pid = await read();
  if (pid === undefined) throw new Error('S1 has no worker');
  process.kill(pid, 'SIGKILL');
  await expect.poll(read, { timeout: 10_000 }).not.toBeOneOf([pid, undefined]);
}

describe('PROTOCOL_TRACE', () => {
  it('has each step of a request, and of the lease under which it runs', async () => {
    const { url, stop } = await system().start(settings());
    const response = await fetch(`${url}/a`, { method: 'POST', body: 'x' });
    expect(response.status).toBe(200);
    const id = response.headers.get('ringpost-request');
    await stop();
    const events = trace();
    const own = events.filter((event) => JSON.stringify(event).includes(`"${id}"`));
    expect(own.map(({ kind }) => kind)).toEqual(['add', 'take', 'begun', 'ended', 'reply', 'told']);
    const kinds = new Set(events.map(({ kind }) => kind));
    expect([...kinds]).toEqual(expect.arrayContaining(['opened', 'lease.take', 'lease.certain', 'closed']));
    expect(checkHistory(events)).toMatchObject({ violations: [], excused: [], begun: 1 });
  });

  it('has the end and the cancellation of async requests', async () => {
    const { url, stop } = await system().start(settings());
    const accept = async (path: string): Promise<string> => {
      const headers = { prefer: 'respond-async', 'idempotency-key': crypto.randomUUID() };
      const response = await fetch(`${url}${path}`, { method: 'POST', headers });
      expect(response.status).toBe(202);
      return response.headers.get('location') ?? '';
    };
    const done = await accept('/a');
    const cancelled = await accept('/b?ms=20000');
    await expect
      .poll(async () => (await fetch(`${url}${cancelled}`)).json(), { timeout: 5000 })
      .toMatchObject({ state: 'running' });
    await fetch(`${url}${cancelled}`, { method: 'DELETE' });
    await expect
      .poll(async () => (await fetch(`${url}${done}`)).json(), { timeout: 5000 })
      .toMatchObject({ state: 'done' });
    await stop();
    const events = trace();
    const kinds = new Set(events.map(({ kind }) => kind));
    for (const kind of ['claim', 'accept', 'add', 'start', 'begun', 'settle', 'cancel'] as const)
      expect(kinds).toContain(kind);
    expect(checkHistory(events)).toMatchObject({ violations: [], begun: 2 });
  });

  it('loses nothing of a worker that is killed while it runs a request', async () => {
    const { url, stop } = await system().start(settings());
    const answer = fetch(`${url}/a?ms=500`);
    await expect.poll(() => trace().some(({ kind }) => kind === 'begun')).toBe(true);
    await replaceWorker();
    expect((await answer).status).toBe(200);
    await stop();
    const events = trace();
    expect(events.filter(({ kind }) => kind === 'crash')).toHaveLength(2);
    expect(checkHistory(events)).toMatchObject({ violations: [], begun: 2 });
  });

  it('shows a request that somebody runs twice', async () => {
    const { connection, redis, keys } = system();
    const { url, stop } = await system().start(settings());
    let job: JobData | undefined;
    const answer = fetch(`${url}/a?ms=300`, { method: 'POST', body: 'x' });
    await expect.poll(() => trace().some(({ kind }) => kind === 'begun')).toBe(true);
    const [id = ''] = await redis.lrange(keys.unfinished('S1').active, 0, -1);
    job = parseJob((await redis.hget(keys.job('S1', id), 'data')) ?? '');
    const response = await answer;
    expect(response.status).toBe(200);
    expect(checkHistory(trace()).violations).toEqual([]);

    // The worker that knows that it has run it is gone, and someone adds its job once more.
    await replaceWorker();
    const queues = new JobQueues(connection, createLogger('test', 'silent'));
    if (job === undefined) throw new Error('the job was not seen');
    await queues.add('S1', id, job);
    await expect.poll(() => trace().filter(({ kind }) => kind === 'begun')).toHaveLength(2);
    await queues.close();
    await stop();
    const { violations } = checkHistory(trace());
    expect(violations.map(violationLine)).toEqual([
      expect.stringMatching(new RegExp(`^unsafe-once: ${id}: it began 2 times`)),
    ]);
  });

  it('is read in the order of its times, without a last line that is not whole', async () => {
    const [one, other] = ['one', 'other'].map((name) => openTraceFile(folder, name));
    for (const client of ['c', 'a', 'd', 'b'])
      (client < 'c' ? one : other)?.write({ kind: 'client.asked', client, method: 'GET' });
    const [file = ''] = await readdir(folder);
    await appendFile(join(folder, file), '{"at":1,"kind":"begu');
    const events = [...readTrace(folder)];
    expect(events.map((event) => 'client' in event && event.client)).toEqual(['c', 'a', 'd', 'b']);
    one?.close();
    other?.close();
  });

  it('writes nothing without the setting', async () => {
    const { url, stop } = await system().start({ ...settings(), PROTOCOL_TRACE: '' });
    expect((await fetch(`${url}/a`)).status).toBe(200);
    await stop();
    expect(() => trace()).toThrow(/ENOENT/);
  });
});
