import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keyDigest } from '#shared/ring/key-digest.ts';
import { compileCache, projectFolder } from '../fixtures/command.ts';
import { withUsers } from '../fixtures/redis-users.ts';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const scratch = useScratch();

interface Line {
  readonly id?: string;
  readonly path: string;
  readonly status: number;
  readonly reason?: string;
  readonly totalMs: number;
  readonly queueMs?: number;
  readonly serviceMs?: number;
}

/** @returns the lines of an access log in JSON. The ready line is not one of them. */
function linesOf(stdout: string): Line[] {
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Line); // the log writes them so
}

describe('ACCESS_LOG', () => {
  it('json writes a line for each dispatched request, and all of them before a stop', async () => {
    const { redisUrl: REDIS_URL, namespace: NAMESPACE } = system();
    const current = await scratch();
    const command = await current.startReady({
      REDIS_URL,
      NAMESPACE,
      REPLICAS: '1',
      HANDLER: handlerFile('traced'),
      ACCESS_LOG: 'json',
      ACCESS_LOG_QUERY: 'names',
    });
    const traceId = 'c'.repeat(32);
    const traceparent = `00-${traceId}-${'d'.repeat(16)}-01`;
    const headers = { 'ringpost-key': 'tenant-7', traceparent, 'user-agent': 'test' };
    const answer = await fetch(`${command.url}/a?ms=20&token=s3cret`, {
      method: 'POST',
      headers,
      body: 'hello',
    });
    await fetch(`${command.url}/fails?fail=1`, { headers });
    await fetch(`${command.url}/refused`, { headers: { ...headers, 'ringpost-retry': 'perhaps' } });
    await fetch(`${command.url}/random`, { headers: { traceparent } });
    // A call of the gateway's own paths has no line.
    await fetch(`${command.url}/-/live`);
    command.kill('SIGTERM');
    expect(await command.exited).toMatchObject({ code: 0 });
    const [first, failed, refused, random, ...more] = linesOf(command.stdout());
    const key = keyDigest('tenant-7');
    expect(first).toMatchObject({
      id: answer.headers.get('ringpost-request'),
      key,
      method: 'POST',
      path: '/a?ms=*&token=*',
      status: 200,
      mode: 'wait',
      replica: 'S1',
      attempt: 1,
      bytesIn: 5,
      bytesOut: traceparent.length,
      client: '127.0.0.1',
      traceId,
      userAgent: 'test',
    });
    const { queueMs = -1, serviceMs = -1, totalMs = -1 } = first ?? {};
    expect(queueMs).toBeGreaterThanOrEqual(0);
    expect(serviceMs).toBeGreaterThan(15);
    expect(totalMs).toBeGreaterThanOrEqual(serviceMs);
    expect(failed).toMatchObject({ status: 500, reason: 'handler_failed', replica: 'S1', key });
    expect(refused).toMatchObject({ status: 400, reason: 'request_malformed', path: '/refused' });
    // The key that selected its replica was made up, so its digest would help nobody.
    expect(random).toMatchObject({ status: 200, path: '/random', replica: 'S1' });
    expect(random).not.toHaveProperty('key');
    expect(more).toEqual([]);
    expect(command.stdout()).not.toContain('s3cret');
  });

  it('off writes nothing but the ready line', async () => {
    const { redisUrl: REDIS_URL, namespace: NAMESPACE } = system();
    const command = await (await scratch()).startReady({ REDIS_URL, NAMESPACE, REPLICAS: '1' });
    await fetch(command.url);
    command.kill('SIGTERM');
    await command.exited;
    expect(command.stdout().split('\n')).toEqual([expect.stringContaining('ready on'), '']);
  });

  it.each(['pipe', 'socket'] as const)(
    'makes no request wait if its %s is not read, and counts',
    async (kind) => {
      const { redisUrl: REDIS_URL, namespace: NAMESPACE } = system();
      const settings = { REDIS_URL, NAMESPACE, ROLE: 'gateway', PORT: '0', ACCESS_LOG: 'combined' };
      const { program, stdout } = startGateway((await scratch()).folder, kind, await withUsers(settings));
      const url = await firstUrl(stdout);
      stdout.pause();
      const long = 'x'.repeat(4000);
      const headers = { 'user-agent': long, referer: `http://a/${long}` };
      // 6 MB of lines: more than a pipe and the gateway hold.
      for (let batch = 0; batch < 20; batch += 1) {
        const asked = Array.from({ length: 50 }, () => fetch(`${url}/${long}`, { headers }));
        const statuses = await Promise.all(asked.map(async (each) => (await each).status));
        // There is no replica.
        expect(new Set(statuses)).toEqual(new Set([503]));
      }
      const metrics = await (await fetch(`${url}/-/metrics`)).text();
      const dropped = Number(/^ringpost_access_log_dropped (\d+)$/m.exec(metrics)?.[1]);
      expect(dropped).toBeGreaterThan(100);
      // What it holds is written when somebody reads again.
      let text = '';
      stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      const lines = (): number =>
        text.split('\n').filter((line) => line.startsWith('127.0.0.1 - - [')).length;
      stdout.resume();
      await expect.poll(lines, { timeout: 20_000 }).toBe(1000 - dropped);
      stdout.pause();
      await Promise.all(Array.from({ length: 100 }, () => fetch(`${url}/${long}`, { headers })));
      // It also stops although nobody reads.
      program.kill('SIGTERM');
      expect(await once(program, 'exit')).toEqual([0, null]);
    },
  );
});

/** Starts a gateway whose stdout is a pipe or a socket. */
function startGateway(cwd: string, kind: 'pipe' | 'socket', settings: NodeJS.ProcessEnv) {
  const fifo = join(cwd, 'stdout');
  if (kind === 'pipe') execFileSync('mkfifo', [fifo]);
  // Without a reader a pipe cannot be opened for writing.
  const reader = kind === 'pipe' ? openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK) : undefined;
  const writer = reader === undefined ? 'pipe' : openSync(fifo, constants.O_WRONLY);
  const program = spawn(process.execPath, [join(projectFolder, 'gateway', 'main.ts')], {
    cwd,
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCache, LOG_LEVEL: 'fatal', ...settings },
    stdio: ['ignore', writer, 'inherit'],
  });
  if (typeof writer === 'number') closeSync(writer);
  const stdout = reader === undefined ? program.stdout : new Socket({ fd: reader });
  if (!(stdout instanceof Socket)) throw new Error('a child process has no socket for its stdout');
  onTestFinished(() => {
    program.kill('SIGKILL');
    stdout.destroy();
  });
  return { program, stdout };
}

async function firstUrl(stdout: Socket): Promise<string> {
  const [line] = (await once(stdout, 'data')) as [Buffer]; // what a stream emits without an encoding
  return / on (http:\S+) /.exec(line.toString())?.[1] ?? '';
}
