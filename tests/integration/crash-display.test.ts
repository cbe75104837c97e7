import { expect, it } from 'vitest';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { Connection } from '#shared/store/redis/connection.ts';
import type { CrashNote } from '#shared/store/lease/crash-notes.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

interface Shown {
  readonly replicas: readonly { readonly name: string; readonly crash: CrashNote | null }[];
}

async function crashAt(url: string, headers: Record<string, string> = {}): Promise<CrashNote | null> {
  // routes/ring.ts writes it so.
  const shown = (await (await fetch(`${url}/-/ring`, { headers })).json()) as Shown;
  return shown.replicas[0]?.crash ?? null;
}

it('/-/ring shows admins the last crash of a worker, with its last lines of stderr', async () => {
  const { url } = await system().start({
    REPLICAS: '1',
    HANDLER: handlerFile('crashing'),
    ADMIN_TOKEN: 'secret-of-the-test',
    VIEW_TOKEN: 'secret-of-a-viewer',
  });
  const admin = { authorization: 'Bearer secret-of-the-test' };
  expect(await crashAt(url, admin)).toBeNull();
  // A POST is not repeated, so it crashes one worker only.
  const asked = fetch(`${url}/crash`, { method: 'POST' });
  // Several processes note it, each the part that it knows.
  await expect
    .poll(() => crashAt(url, admin))
    .toMatchObject({ generation: 1, reason: 'exited with code 3', stderr: ['about to crash'] });
  const before = Date.now();
  const crash = await crashAt(url, admin);
  expect(Math.abs((crash?.at ?? 0) - before)).toBeLessThan(10_000);
  expect((await asked).status).toBe(502);
  expect((await fetch(`${url}/-/ring`)).status).toBe(401);
  const viewer = { authorization: 'Bearer secret-of-a-viewer' };
  expect(await crashAt(url, viewer)).toEqual({ generation: 1, at: crash?.at });
  expect(await (await fetch(`${url}/-/ring`, { headers: viewer })).text()).not.toContain('exited with code');
});

it("the worker's reason for its crash comes before the driver's", async () => {
  const { redis, keys } = system();
  const crashes = new CrashNotes(new Connection(redis, keys.prefix));
  await crashes.note('S1', { generation: 3, reason: 'its event loop stood still for 12000 ms' });
  for (let times = 0; times < 2; times += 1)
    await crashes.note('S1', { generation: 3, at: 5, reason: 'killed by SIGKILL', stderr: ['x'] });
  const reason = 'its event loop stood still for 12000 ms; killed by SIGKILL';
  expect(await crashes.read('S1')).toEqual({ generation: 3, at: 5, reason, stderr: ['x'] });
});

it('of stderr, the last 20 lines and 4 KiB are kept', async () => {
  const { redis, keys } = system();
  const crashes = new CrashNotes(new Connection(redis, keys.prefix));
  const lines = Array.from({ length: 50 }, (_, at) => `line ${at}`);
  await crashes.note('S1', { generation: 1, stderr: lines });
  expect((await crashes.read('S1'))?.stderr).toEqual(lines.slice(-20));
  await crashes.note('S1', { generation: 2, stderr: ['x'.repeat(4000), 'y'.repeat(4000)] });
  expect((await crashes.read('S1'))?.stderr).toEqual(['y'.repeat(4000)]);
});

it('a crash replaces one of an older generation, never one of a newer generation', async () => {
  const { redis, keys } = system();
  const crashes = new CrashNotes(new Connection(redis, keys.prefix));
  await crashes.note('S1', { generation: 3, reason: 'killed by SIGKILL', requests: ['a'] });
  await crashes.note('S1', { generation: 4, reason: 'exited with code 1' });
  await crashes.note('S1', { generation: 3, stderr: ['late'] });
  expect(await crashes.read('S1')).toEqual({ generation: 4, reason: 'exited with code 1' });
});
