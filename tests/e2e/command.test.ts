import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { fileRedisUrl } from '../fixtures/file-redis.ts';
import { isAlive } from '../fixtures/command.ts';
import { python, pythonCounter } from '../fixtures/programs.ts';
import { useScratch } from '../fixtures/scratch.ts';
import type { ReadyCommand } from '../fixtures/scratch.ts';

const scratch = useScratch();
const settings = { COMMAND: pythonCounter, START_TIMEOUT_MS: '60000' };

interface Shown {
  readonly level: number;
  readonly role: string;
  readonly replica: string;
  readonly stream: string;
  readonly msg: string;
}

/** @returns the lines of a program in the log. */
function printed(command: ReadyCommand): Shown[] {
  const lines = command
    .stderr()
    .split('\n')
    .filter((line) => line.includes('"role":"command"'));
  return lines.map((line) => JSON.parse(line) as Shown); // each line of the log is one object
}

/** @returns the pids of a program and of a child that it has started now. */
async function fork({ url }: ReadyCommand): Promise<{ readonly pid: number; readonly child: number }> {
  const response = await fetch(`${url}/fork`, { headers: { 'ringpost-key': 'k' } });
  expect(response.status).toBe(200);
  return (await response.json()) as { pid: number; child: number }; // the program answers so
}

/** @returns the process that started another one. */
async function parentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]);
}

// `npm test` says at its end that these could not run.
describe.skipIf(python === undefined)('the program of a replica', () => {
  it('ends with its children when the gateway is killed', async () => {
    const { startReady, untilNothingRuns } = await scratch();
    const command = await startReady(settings);
    const { pid, child } = await fork(command);
    command.kill('SIGKILL');
    await command.exited;
    await untilNothingRuns(20_000);
    for (const each of [pid, child]) expect(await isAlive(each)).toBe(false);
  });

  it.each(['worker', 'program'])(
    'ends with its children when its %s is killed, and is replaced',
    async (whose) => {
      const { startReady } = await scratch();
      const command = await startReady({ ...settings, REPLICAS: '1' });
      const { pid, child } = await fork(command);
      const worker = await parentOf(pid);
      process.kill(whose === 'worker' ? worker : pid, 'SIGKILL');
      for (const each of [pid, child, worker])
        await expect.poll(() => isAlive(each), { timeout: 20_000 }).toBe(false);
      expect((await fork(command)).pid).not.toBe(pid);
    },
  );

  it('is told to end once its requests are answered, and leaves nothing behind', async () => {
    const { startReady, untilNothingRuns } = await scratch();
    const command = await startReady({ ...settings, REPLICAS: '1' });
    await fork(command);
    const asked = fetch(`${command.url}/?ms=1500`, { method: 'POST' });
    const waiting = async (): Promise<string> => (await fetch(`${command.url}/-/metrics`)).text();
    await expect.poll(waiting).toContain('ringpost_waiting_requests 1');
    command.kill('SIGTERM');
    expect((await asked).status).toBe(200);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    expect(printed(command).map(({ msg }) => msg)).toContain('told to end');
    await untilNothingRuns(1000);
  });

  it('prints into the log with the name of its replica, at any LOG_LEVEL', async () => {
    const { startReady } = await scratch();
    const command = await startReady({ ...settings, REPLICAS: '1', LOG_LEVEL: 'error' });
    expect((await fetch(`${command.url}/print?text=a%20%22quoted%22%0Aline`)).status).toBe(200);
    await expect.poll(() => printed(command).length).toBe(2);
    expect(printed(command)).toMatchObject([
      { level: 30, role: 'command', replica: 'S1', stream: 'stdout', msg: 'a "quoted"' },
      { level: 30, role: 'command', replica: 'S1', stream: 'stdout', msg: 'line' },
    ]);
  });

  it('sees what it needs, and no secret', async () => {
    const { startReady } = await scratch();
    const secret = 'secret-of-the-test';
    const { url } = await startReady({
      ...settings,
      NAMESPACE: 'command-environment',
      REDIS_URL: fileRedisUrl,
      ADMIN_TOKEN: secret,
      APP_MODE: 'test',
      REPLICAS: '1',
    });
    const seen = await (await fetch(`${url}/environment`)).text();
    expect(JSON.parse(seen)).toMatchObject({ REPLICA: 'S1', RINGPOST_GENERATION: '1', APP_MODE: 'test' });
    for (const hidden of [secret, 'REDIS_URL', 'redis://', '"GENERATION', 'COMMAND']) {
      expect(seen).not.toContain(hidden);
    }
  });
});

it('a program that cannot start is tried again ever later, and the log says once why', async () => {
  const { start, folder } = await scratch();
  const command = start({
    COMMAND: 'date +%s.%N >> starts.log; exit 3',
    REPLICAS: '1',
    START_TIMEOUT_MS: '30000',
  });
  const starts = async (): Promise<number[]> => {
    const log = await readFile(`${folder}/starts.log`, 'utf8').catch(() => '');
    return log.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)]));
  };
  await expect.poll(async () => (await starts()).length, { timeout: 90_000 }).toBeGreaterThanOrEqual(4);
  const times = await starts();
  const pauses = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  // Starts after 0, 0, 1, 2, 4 … s.
  expect(pauses[2]).toBeGreaterThan(0.99);

  const line = await command.line(/^ringpost (ready|listens)/);
  expect(line).toContain('only these replicas are ready: none');
  const said = command.stderr().split('\n');
  const why = 'COMMAND exited with code 3 before it was ready';
  expect(said.filter((each) => each.includes(why))).toHaveLength(1);
  const url = /http:\/\/[\d.:]+/.exec(line)?.[0] ?? '';
  const ring = (await (await fetch(`${url}/-/ring`)).json()) as { replicas: object[] };
  expect(ring.replicas[0]).toMatchObject({ inRing: false, reason: why, crash: { reason: why } });
});
