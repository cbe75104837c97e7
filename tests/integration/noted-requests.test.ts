import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { findNotesFolder } from '../../worker/notes/notes-folder.ts';
import type { RunningCommand } from '../fixtures/command.ts';
import { useSystem } from '../fixtures/system.ts';
import { eventually, useWorkers, workerLeaseMs } from '../fixtures/workers.ts';

const system = useSystem();
const { runs, start } = useWorkers();
const folder = findNotesFolder(process.env) ?? '';
const preload = fileURLToPath(new URL('../fixtures/programs/stop-at-note.ts', import.meta.url));

/** The files of the workers of this test. */
const files = (): string[] =>
  readdirSync(folder).filter((name) => name.startsWith(`ringpost-notes.${system().namespace}.`));

interface Started {
  readonly url: string;
  readonly first: RunningCommand;
  /** Sends a POST that the first worker is stopped for. @returns once it was read, with its answer. */
  readonly post: () => Promise<{ readonly answer: Promise<Response> }>;
}

/** Starts a gateway and a worker that is stopped when it notes its first request. */
async function startStopped(at: 'before' | 'after', by: 'SIGKILL' | 'SIGSTOP'): Promise<Started> {
  const current = system();
  const preloaded = { NODE_OPTIONS: `--import ${preload}`, STOP_AT: at, STOP_BY: by };
  const first = await start(current, 'S1', preloaded);
  const settings = { REPLICA_DRIVER: 'none', REPLICAS: '1', LEASE_MS: String(workerLeaseMs) };
  const { url } = await current.start(settings);
  const { redis, keys } = current;
  const { active } = keys.unfinished('S1');
  return {
    url,
    first,
    post: async () => {
      // The tick that finishes it says that the worker notes.
      expect((await fetch(`${url}/get`)).status).toBe(200);
      const answer = fetch(`${url}/post`, { method: 'POST' });
      await eventually(async () => {
        const [id] = await redis.lrange(active, 0, 0);
        const fence = Number(await redis.get(keys.leaseFence('S1')));
        return id !== undefined && (await redis.llen(keys.deliveries('S1', fence))) === 0;
      });
      if (by === 'SIGKILL') await first.exited;
      else await eventually(async () => Promise.resolve(isStopped(first.pid)));
      return { answer };
    },
  };
}

function isStopped(pid: number | undefined): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('T') ?? false;
}

const posts = async (): Promise<string[]> => (await runs()).filter((line) => line.startsWith('POST'));

it.each(['SIGKILL', 'SIGSTOP'] as const)(
  'a POST that was read and not noted at %s runs once, in the next worker',
  async (by) => {
    const { post, first } = await startStopped('before', by);
    const { answer } = await post();
    await start(system(), 'S1');
    expect((await answer).status).toBe(200);
    if (by === 'SIGSTOP') {
      // It notes the request, and finds that the lease is another worker's.
      first.kill('SIGCONT');
      expect((await first.exited).code).toBe(1);
    }
    expect(await posts()).toEqual(['POST /post S1 1']);
  },
);

it.each(['SIGKILL', 'SIGSTOP'] as const)(
  'a POST that was noted at %s ends as outcome_unknown, and never runs',
  async (by) => {
    const { url, post, first } = await startStopped('after', by);
    const { answer } = await post();
    await start(system(), 'S1');
    expect(await (await answer).json()).toMatchObject({ code: 'outcome_unknown' });
    if (by === 'SIGSTOP') {
      first.kill('SIGCONT');
      expect((await first.exited).code).toBe(1);
    }
    expect(await posts()).toEqual([]);
    expect((await fetch(`${url}/next`, { method: 'POST' })).status).toBe(200);
  },
);

it('a POST whose worker has left no file ends as outcome_unknown, as on another host', async () => {
  const { post } = await startStopped('before', 'SIGKILL');
  const { answer } = await post();
  expect(files()).toHaveLength(1);
  for (const name of files()) rmSync(join(folder, name));
  await start(system(), 'S1');
  expect((await answer).status).toBe(502);
  expect(await posts()).toEqual([]);
});

it('the next worker removes the file of the one before, and its own at a clean end', async () => {
  const { post } = await startStopped('after', 'SIGKILL');
  const { answer } = await post();
  const [before] = files();
  const second = await start(system(), 'S1');
  expect((await answer).status).toBe(502);
  expect(files()).toHaveLength(1);
  expect(files()[0]).not.toBe(before);
  second.kill('SIGTERM');
  await second.exited;
  expect(files()).toEqual([]);
});

it('workers that are killed at any moment run nothing twice', async () => {
  const current = system();
  let worker = await start(current, 'S1');
  const settings = { REPLICA_DRIVER: 'none', REPLICAS: '1', LEASE_MS: String(workerLeaseMs) };
  const { url } = await current.start(settings);
  const answers: { readonly path: string; readonly status: number }[] = [];
  const asking = new AbortController();
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let at = 0; !asking.signal.aborted; at += 1) {
      const path = `/post-${client}-${at}`;
      const { status } = await fetch(url + path, { method: 'POST' });
      answers.push({ path, status });
    }
  });
  for (let round = 0; round < 4; round += 1) {
    const before = answers.length;
    await eventually(async () => Promise.resolve(answers.length > before + 30));
    worker.kill('SIGKILL');
    await worker.exited;
    worker = await start(current, 'S1');
  }
  asking.abort();
  await Promise.all(clients);
  const ran = (await posts()).map((line) => line.split(' ')[1]);
  expect(new Set(ran).size).toBe(ran.length);
  const unknown = answers.filter(({ status }) => status === 502);
  expect(answers.filter(({ status }) => status !== 200 && status !== 502)).toEqual([]);
  // At most what one worker held.
  expect(unknown.length).toBeLessThanOrEqual(4 * 8);
}, 60_000);
