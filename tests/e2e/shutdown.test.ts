import { once } from 'node:events';
import { access, readFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { expect, describe, it } from 'vitest';
import { handlerFile, useScratch } from '../fixtures/scratch.ts';
import type { ReadyCommand } from '../fixtures/scratch.ts';
import { needsOneServer, openAdmin, testKeys } from '../fixtures/several-servers.ts';

const scratch = useScratch();

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** Resolves when the gateway waits for the answers of `count` requests. */
async function untilWaiting(url: string, count: number): Promise<void> {
  const waiting = async (): Promise<number> =>
    Number(/^ringpost_waiting_requests (\d+)$/m.exec(await (await fetch(`${url}/-/metrics`)).text())?.[1]);
  await expect.poll(waiting, { timeout: 10_000, interval: 20 }).toBe(count);
}

/** Sends requests that take `ms` each, and resolves when the gateway waits for all of them. */
async function inFlight(
  { url }: ReadyCommand,
  count: number,
  ms: number,
): Promise<{ readonly sent: readonly Promise<Response>[] }> {
  const sent = Array.from({ length: count }, () => fetch(`${url}/?ms=${ms}`));
  // The test that awaits a request sees its failure.
  for (const each of sent) each.catch(() => undefined);
  await untilWaiting(url, count);
  return { sent };
}

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.S\\d';

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  it('ends with exit code 0 and leaves neither a process nor a lock behind', async () => {
    needsOneServer('it is about the lock of the private Redis');
    const { startReady, untilNothingRuns, lockFile } = await scratch();
    const command = await startReady();
    expect(await exists(lockFile)).toBe(true);
    command.kill(signal);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    await untilNothingRuns(1000);
    expect(await exists(lockFile)).toBe(false);
    expect(command.stderr()).toBe('');
    expect(command.stdout().split('\n')).toHaveLength(2);
  });

  it('ends a start with exit code 0 and leaves nothing behind', async () => {
    const { start, untilNothingRuns, lockFile } = await scratch();
    const command = start();
    await expect.poll(() => exists(lockFile), { timeout: 10_000, interval: 5 }).toBe(true);
    command.kill(signal);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    await untilNothingRuns(1000);
    expect(await exists(lockFile)).toBe(false);
    expect([command.stdout(), command.stderr()]).toEqual(['', '']);
  });

  it('lets every request in flight be answered', async () => {
    const { startReady, untilNothingRuns } = await scratch();
    const command = await startReady({ HANDLER: handlerFile('slow') });
    const { sent } = await inFlight(command, 12, 1000);
    command.kill(signal);
    const answers = await Promise.all(sent);
    expect(answers.map(({ status }) => status)).toEqual(sent.map(() => 200));
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(
      sent.map(() => 'after 1000 ms'),
    );
    expect(await command.exited).toEqual({ code: 0, signal: null });
    expect(command.stderr()).not.toContain('abandoned');
    await untilNothingRuns(1000);
  });
});

describe('clients that keep their connections', () => {
  it('do not delay the stop, whether idle, unused or constantly busy', async () => {
    const { startReady, untilNothingRuns } = await scratch();
    const command = await startReady({ HANDLER: handlerFile('slow') });
    const { hostname, port } = new URL(command.url);
    const unused = connect(Number(port), hostname);
    await once(unused, 'connect');
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const statuses: number[] = [];
    const closed: boolean[] = [];
    const ask = async (): Promise<void> => {
      const [response] = (await once(get(`${command.url}/?ms=20`, { agent }), 'response')) as [
        IncomingMessage,
      ];
      response.resume();
      await once(response, 'end');
      statuses.push(response.statusCode ?? 0);
      closed.push(response.headers.connection === 'close');
    };
    // Each client continues until an answer says that the connection closes.
    const clients = Promise.allSettled(
      Array.from({ length: 8 }, async () => {
        while (!closed.includes(true)) await ask();
      }),
    );
    await expect.poll(() => statuses.length).toBeGreaterThan(50);
    command.kill('SIGTERM');
    expect(await command.exited).toEqual({ code: 0, signal: null });
    const outcomes = await clients;
    expect(statuses.every((status) => status === 200)).toBe(true);
    expect(closed).toContain(true);
    for (const outcome of outcomes)
      // A new connection is refused; an idle one may close while a request is sent (RFC 9112 9.5).
      if (outcome.status === 'rejected')
        expect(['ECONNREFUSED', 'ECONNRESET']).toContain((outcome.reason as { code: string }).code);
    expect(command.stderr()).toBe('');
    agent.destroy();
    unused.destroy();
    await untilNothingRuns(1000);
  });
});

describe('unfinished work', () => {
  it('is named, with exit code 1, on a second signal', async () => {
    const { startReady, untilNothingRuns } = await scratch();
    const command = await startReady({ HANDLER: handlerFile('slow') });
    const { sent } = await inFlight(command, 3, 60_000);
    const started = performance.now();
    // Signals that arrive right after the first count as the first.
    const pressing = setInterval(() => command.kill('SIGINT'), 50);
    const exit = await command.exited;
    clearInterval(pressing);
    expect(exit).toEqual({ code: 1, signal: null });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(command.stderr()).toMatch(
      new RegExp(
        `^ringpost: a second signal \\(SIGINT\\); abandoned 3 in flight: ${uuid} ${uuid} ${uuid}\\n$`,
      ),
    );
    expect((await Promise.allSettled(sent)).map(({ status }) => status)).toEqual(sent.map(() => 'rejected'));
    await untilNothingRuns(5000);
  });

  it('is named, with exit code 1, when DRAIN_TIMEOUT_MS has run out', async () => {
    const { startReady, untilNothingRuns } = await scratch();
    const command = await startReady({ HANDLER: handlerFile('slow'), DRAIN_TIMEOUT_MS: '1500' });
    await inFlight(command, 2, 60_000);
    const started = performance.now();
    command.kill('SIGTERM');
    expect(await command.exited).toEqual({ code: 1, signal: null });
    expect(performance.now() - started).toBeGreaterThan(1490);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(command.stderr()).toMatch(
      new RegExp(
        `ringpost: not finished within 1500 ms of SIGTERM; abandoned 2 in flight: ${uuid} ${uuid}\\n$`,
      ),
    );
    await untilNothingRuns(5000);
  });
});

describe('a handler that cannot be imported', () => {
  const broken = { HANDLER: handlerFile('broken'), START_TIMEOUT_MS: '10000' };
  const keys = testKeys();

  it('replaces the ready line, shows in /-/ring, backs off, and means 503 at once', async () => {
    const { start, folder } = await scratch();
    const command = start(broken);
    const line = await command.line(/^ringpost (ready|listens)/);
    const said =
      /^ringpost listens on (\S+), but only these replicas are ready: none \(S1 S2 S3: (.*)\); see \1\/-\/ring$/;
    const [, url, reason] = said.exec(line) ?? [];
    expect(reason, line).toMatch(
      /^HANDLER \S+broken\.ts cannot be loaded: Error: this handler cannot be imported \(\S+:5:7\)$/,
    );
    // Starts at 0, 0, 1, 3 and 7 s, and the next at 15 s: at most five in 10 s, for each of three replicas.
    const starts = (await readFile(`${folder}/starts.log`, 'utf8')).trim().split('\n').length;
    expect(starts).toBeGreaterThanOrEqual(3 * 2);
    expect(starts).toBeLessThanOrEqual(3 * 5);
    const ring = (await (await fetch(`${url}/-/ring`)).json()) as { replicas: object[] };
    expect(ring.replicas).toHaveLength(3);
    for (const replica of ring.replicas) {
      expect(replica).toMatchObject({ inRing: false, reason });
      expect(replica).toHaveProperty(
        'failures',
        expect.toSatisfy((failures: number) => failures >= 2),
      );
    }
    const asked = performance.now();
    const response = await fetch(`${url}/home`);
    expect(performance.now() - asked).toBeLessThan(1000);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 'no_replica' });
    expect(command.stdout()).toBe(`${line}\n`);
    expect(command.stderr()).toContain('this handler cannot be imported');
    command.kill('SIGTERM');
    expect(await command.exited).toEqual({ code: 0, signal: null });
  });

  it('is reported even if the previous start had a working handler', async () => {
    const { start, startReady } = await scratch();
    const first = await startReady();
    const redis = openAdmin(first.redisUrl);
    expect(await redis.hkeys(keys.ring)).toHaveLength(3);
    redis.disconnect();
    first.kill('SIGTERM');
    expect(await first.exited).toEqual({ code: 0, signal: null });
    const second = start(broken);
    expect(await second.line(/^ringpost (ready|listens)/)).toContain('only these replicas are ready: none');
  });
});
