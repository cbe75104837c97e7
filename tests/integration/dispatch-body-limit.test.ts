import { Agent } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { keysAtRest } from '../fixtures/keys-at-rest.ts';
import { ask, json, speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import type { RecordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const mebibyte = 1024 * 1024;

/** Starts a system whose upstream answers with the body that it received. */
async function echoing(
  settings: NodeJS.ProcessEnv = {},
): Promise<{ url: string; upstream: RecordingUpstream }> {
  const upstream = await recordingUpstream();
  upstream.answer = (got, response) => response.end(got.body);
  const { url } = await system().start({
    REPLICAS: '1',
    UPSTREAM: upstream.url,
    BODY_LIMIT_BYTES: String(mebibyte),
    ...settings,
  });
  return { url, upstream };
}

const bytes = (size: number): Buffer =>
  Buffer.alloc(
    size,
    Uint8Array.from({ length: 251 }, (_, i) => i),
  );

describe('a body', () => {
  it.each([
    ['with its length', undefined],
    ['in chunks', 10_000],
  ])('arrives and returns whole up to the limit, %s, and leaves no key in Redis', async (_, chunk) => {
    const { url } = await echoing();
    await ask(url, { method: 'PUT', body: bytes(3), chunk });
    const before = await keysAtRest(system());
    for (const size of [65_535, 65_536, 65_537, mebibyte - 1, mebibyte]) {
      const body = bytes(size);
      const got = await ask(url, { method: 'POST', body, chunk });
      expect([got.status, got.body.equals(body)], `${size} bytes`).toEqual([200, true]);
    }
    expect(await keysAtRest(system())).toEqual(before);
  });

  it('of text near the inline limit is measured in bytes, not in characters', async () => {
    const { url } = await echoing();
    for (const text of ['é'.repeat(32_768), `${'é'.repeat(32_768)}x`, '☃'.repeat(21_845)]) {
      const got = await ask(url, { method: 'POST', body: Buffer.from(text) });
      expect(got.body.toString()).toBe(text);
    }
  });

  it.each([
    ['by one byte, with its length', mebibyte + 1, undefined],
    ['by one byte, in chunks', mebibyte + 1, 64 * 1024],
    ['eight times, with its length', 8 * mebibyte, undefined],
    ['eight times, in chunks', 8 * mebibyte, 64 * 1024],
  ])(
    'above the limit %s gets a 413 that the client can read, and is not dispatched',
    async (_, size, chunk) => {
      const { url, upstream } = await echoing();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      onTestFinished(() => agent.destroy());
      const body = bytes(size);
      for (let i = 0; i < 10; i += 1) {
        const got = await ask(url, {
          method: 'POST',
          body,
          agent,
          ...(chunk === undefined ? {} : { chunk }),
        });
        expect(got.status).toBe(413);
        expect(headerValue(got.headers, 'content-type')).toBe('application/problem+json');
        expect(json(got)).toMatchObject({ status: 413, code: 'body_too_large' });
        expect(upstream.got).toEqual([]);
        expect((await ask(url, { method: 'POST', body: bytes(10), agent })).status).toBe(200);
        upstream.got.length = 0;
      }
    },
  );

  it.each([
    ['with its length', 'Content-Length: 9000000\r\n\r\n'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n'],
  ])(
    'above the limit, %s, gets a 413 even if the client sends everything before it reads',
    async (_, head) => {
      const { url } = await echoing();
      for (let i = 0; i < 5; i += 1) {
        const client = await speak(url, `POST / HTTP/1.1\r\nHost: a\r\n${head}`);
        client.socket.pause();
        const part = 'x'.repeat(100_000);
        const frame = head.startsWith('T') ? `${part.length.toString(16)}\r\n${part}\r\n` : part;
        for (let sent = 0; sent < 9_000_000 && !client.socket.destroyed; sent += part.length) {
          await new Promise((resolve) => client.socket.write(frame, 'latin1', resolve));
        }
        if (head.startsWith('T')) client.socket.write('0\r\n\r\n');
        client.socket.resume();
        expect(await client.ended).toMatch(/^HTTP\/1\.1 413 [^]*"body_too_large"}$/);
      }
    },
  );

  it('announced above the limit gets a 413 at once, and the connection ends without the rest', async () => {
    const { url, upstream } = await echoing();
    const { ended } = await speak(url, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\nabc');
    const heard = await ended;
    expect(heard).toMatch(/^HTTP\/1\.1 413 /);
    expect(heard).toMatch(/\r\nConnection: close\r\n/);
    expect(upstream.got).toEqual([]);
  });

  it('that breaks off does not dispatch its request', async () => {
    const { url, upstream } = await echoing();
    const head = 'POST / HTTP/1.1\r\nHost: a\r\n';
    for (const part of ['Content-Length: 10\r\n\r\nabc', 'Transfer-Encoding: chunked\r\n\r\na\r\nabc']) {
      const connection = await speak(url, head + part);
      connection.socket.end();
      await connection.ended;
    }
    expect((await ask(url, { method: 'POST', body: bytes(1) })).status).toBe(200);
    expect(upstream.got).toHaveLength(1);
  });

  it('can be forbidden entirely by a limit of 0', async () => {
    const { url } = await echoing({ BODY_LIMIT_BYTES: '0' });
    expect((await ask(url, { method: 'POST', body: bytes(1) })).status).toBe(413);
    expect((await ask(url, { method: 'POST', body: bytes(1), chunk: 1 })).status).toBe(413);
    expect((await ask(url, { method: 'POST', body: bytes(0) })).status).toBe(200);
    expect((await ask(url)).status).toBe(200);
  });

  it('is read after the 100 Continue that the client waits for', async () => {
    const { url, upstream } = await echoing();
    const head = 'Host: a\r\nExpect: 100-continue\r\nConnection: close\r\n';
    const client = await speak(url, `POST / HTTP/1.1\r\n${head}Content-Length: 5\r\n\r\n`);
    expect(await client.until(/\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.socket.write('hello');
    expect(await client.ended).toMatch(/ 200 OK\r\n[^]*\r\n\r\nhello$/);
    expect(headerValue(upstream.got[0]?.headers ?? [], 'expect')).toBeUndefined();
  });
});
