import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, describe, it } from 'vitest';
import { projectFolder } from '../fixtures/command.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import type { RawConnection } from '../fixtures/raw-http.ts';
import { handlerFile, useScratch, whenReady } from '../fixtures/scratch.ts';
import type { ReadyCommand } from '../fixtures/scratch.ts';

const scratch = useScratch();

/** The time in which a gateway without a request in flight stops, in ms. */
const quickMs = 3000;

/** Sends an async request that starts after a minute. @returns its id. */
async function sendDelayed(url: string): Promise<string> {
  const headers = ['Prefer', 'respond-async', 'Ringpost-Delay', '60'];
  return (json(await ask(url, { method: 'POST', target: '/x', headers })) as { id: string }).id;
}

const jsonType = 'Content-Type: application/json\r\n';

function get(target: string, headers = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
}

function post(target: string, headers: string, body = ''): string {
  return `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`;
}

/** Stops a command. @returns how long that took, in ms. */
async function stop(command: ReadyCommand): Promise<number> {
  const began = performance.now();
  command.kill('SIGTERM');
  expect(await command.exited).toEqual({ code: 0, signal: null });
  expect(command.stderr()).not.toContain('abandoned');
  return performance.now() - began;
}

/** Sends bytes on a connection that never reads. */
async function deaf(url: string, bytes: string): Promise<RawConnection> {
  const connection = await speak(url, '');
  connection.socket.pause();
  connection.socket.write(bytes);
  return connection;
}

describe('a gateway without a request in flight stops at once despite', () => {
  it.each([
    ['half a head', 'GET /a HTTP/1.1\r\nHost: localhost\r\n', []],
    ['half a head behind a request', `${get('/a')}GET /b HTTP/1.1\r\nHo`, [400]],
    ['half a body', post('/a', 'Content-Length: 100\r\n', '0123456789'), [408]],
    ['half a chunked body', post('/a', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n'), [408]],
    ['half a body behind a request', get('/a') + post('/a', 'Content-Length: 99\r\n', '0'), [400, 408]],
    ['half a body of an admin call', post('/add', `${jsonType}Content-Length: 9\r\n`, '{'), [408]],
    [
      'half a body of an async request',
      post('/a', 'Prefer: respond-async\r\nContent-Length: 9\r\n', '0'),
      [408],
    ],
    ['a body that is too large', post('/a', 'Content-Length: 999999999\r\n', '0123456789'), [413]],
  ])('%s', async (_, bytes, answers) => {
    const { startReady, untilNothingRuns } = await scratch();
    const command = await startReady({ REPLICAS: '1' });
    const connection = await speak(command.url, bytes);
    if (answers[0] === 400) await connection.until(/ 400 /);
    await delay(300);
    expect(await stop(command)).toBeLessThan(quickMs);
    // No incomplete request was accepted, so the client may send it again.
    const statuses = (await connection.ended).match(/HTTP\/1\.1 \d+/g) ?? [];
    expect(statuses.map((line) => Number(line.slice(-3)))).toEqual(answers);
    await untilNothingRuns(1000);
  });

  it('long polls, streams and waits, which get the current state', async () => {
    const { startReady } = await scratch();
    const command = await startReady({ REPLICAS: '1' });
    const { url } = command;
    const id = await sendDelayed(url);
    const states = [
      await speak(url, get(`/-/requests/${id}?wait=60`)),
      await speak(url, get(`/-/requests/${id}?wait=60`).repeat(3)),
      await speak(url, get(`/-/requests/${id}`, 'Accept: text/event-stream\r\n')),
      await speak(
        url,
        post('/x', 'Prefer: respond-async, wait=60\r\nRingpost-Delay: 60\r\nContent-Length: 0\r\n'),
      ),
    ];
    const unfinished = await speak(url, get(`/-/requests/${id}/reply?wait=60`));
    const waiting = 'Idempotency-Key: 1\r\nRingpost-Delay: 25\r\nContent-Length: 0\r\n';
    const idempotent = await speak(url, post('/x', waiting));
    await states[2]?.until(/event: queued/);
    await delay(300);
    expect(await stop(command)).toBeLessThan(quickMs);
    const heard = await Promise.all(states.map(({ ended }) => ended));
    expect(heard.map((each) => each.match(/"state":"queued"/g)?.length)).toEqual([1, 3, 1, 1]);
    expect(heard.map((each) => each.slice(0, 12))).toEqual(
      [200, 200, 200, 202].map((status) => `HTTP/1.1 ${status}`),
    );
    // The stream is ended properly, not cut off.
    expect(heard[2]).toMatch(/\r\n0\r\n\r\n$/);
    expect(await unfinished.ended).toMatch(/^HTTP\/1\.1 409 [^]*"not_finished"/);
    expect(await idempotent.ended).toMatch(/^HTTP\/1\.1 504 [^]*"reply_timeout"/);
  });

  it.each([
    ['answer', '268435456', /^ringpost_held_bytes 48000000$/m],
    ['stream', '262144', /^ringpost_open_streams 3$/m],
  ])('a client that does not read its %s', async (_, aboveBytes, held) => {
    const { startReady } = await scratch();
    const settings = { REPLICAS: '1', HANDLER: handlerFile('large'), STREAM_ABOVE_BYTES: aboveBytes };
    const command = await startReady(settings);
    await deaf(command.url, get('/?bytes=16000000').repeat(3));
    await expect
      .poll(async () => (await ask(command.url, { target: '/-/metrics' })).body.toString(), {
        timeout: 10_000,
      })
      .toMatch(held);
    expect(await stop(command)).toBeLessThan(quickMs);
    expect(command.stderr()).toContain('1 client that reads slowly; a second Ctrl-C forces it');
  });
});

describe('a gateway that stops', () => {
  it('waits for a running POST and says so, whatever else is incomplete', async () => {
    const { startReady, untilNothingRuns } = await scratch();
    const command = await startReady({ HANDLER: handlerFile('slow') });
    const { url } = command;
    const running = await speak(url, post('/?ms=3000', 'Content-Length: 0\r\n'));
    const keyed = await speak(url, post('/?ms=3000', 'Idempotency-Key: 1\r\nContent-Length: 0\r\n'));
    await speak(url, 'GET /a HTTP/1.1\r\nHost: localhost\r\n');
    await speak(url, post('/a', 'Content-Length: 100\r\n', '0123456789'));
    await delay(300);
    expect(await stop(command)).toBeLessThan(6000);
    for (const { ended } of [running, keyed])
      expect(await ended).toMatch(/^HTTP\/1\.1 200 [^]*after 3000 ms$/);
    expect(command.stderr()).toMatch(
      /^ringpost: waiting for 2 requests \(\S+ \S+\)(, 1 upload)?; a second Ctrl-C forces it$/m,
    );
    await untilNothingRuns(1000);
  });

  it('accepts an upload that is still in progress', async () => {
    const { startReady } = await scratch();
    const command = await startReady({ HANDLER: handlerFile('slow') });
    const connection = await speak(command.url, post('/', 'Content-Length: 10\r\n'));
    await delay(300);
    command.kill('SIGTERM');
    for (let at = 0; at < 10; at += 1) {
      connection.socket.write('x');
      await delay(300);
    }
    expect(await connection.ended).toMatch(/^HTTP\/1\.1 200 /);
    expect(await command.exited).toEqual({ code: 0, signal: null });
    expect(command.stderr()).toContain('waiting for 1 upload; a second Ctrl-C forces it');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends its workers on %s only after they finish, even if nobody waits for the answer',
    async (signal) => {
      const { run, folder, untilNothingRuns } = await scratch();
      const settings = { PORT: '0', HANDLER: handlerFile('leaving'), LEDGER: join(folder, 'ledger') };
      const main = join(projectFolder, 'gateway', 'main.ts');
      const command = await whenReady(run(process.execPath, [main], settings, { ownGroup: true }));
      const ledger = (): Promise<string> => readFile(settings.LEDGER, 'utf8').catch(() => '');
      const headers = ['Prefer', 'respond-async'];
      const { id } = json(await ask(command.url, { method: 'POST', target: '/x?ms=3500', headers })) as {
        id: string;
      };
      await expect.poll(ledger).toBe('POST /x begun\n');
      await speak(command.url, 'GET /a HTTP/1.1\r\nHost: localhost\r\n');
      // As Ctrl-C in a terminal does.
      command.killGroup(signal);
      expect(await command.exited).toEqual({ code: 0, signal: null });
      expect(await ledger()).toBe('POST /x begun\nPOST /x done\n');
      expect(command.stderr()).toBe(
        `ringpost: waiting for workers that run 1 request (${id}); a second Ctrl-C forces it\n`,
      );
      await untilNothingRuns(1000);
    },
  );
});
