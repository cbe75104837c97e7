import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { valuesOf } from '../fixtures/request-heads.ts';
import { handlerFile } from '../fixtures/scratch.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** @returns the status line of the answer to a request with these lines. */
async function statusLine(url: string, ...lines: string[]): Promise<string> {
  const bytes = `${[...lines, 'Host: shop.test', 'Connection: close'].join('\r\n')}\r\n\r\n`;
  const { ended } = await speak(url, bytes);
  return (await ended).split('\r\n')[0] ?? '';
}

describe('the reason phrase of an answer', () => {
  it('reaches the client from the upstream, also in kept answers', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const phrases: [number, string, string][] = [
      [200, 'All is well', 'HTTP/1.1 200 All is well'],
      [200, 'OK', 'HTTP/1.1 200 OK'],
      [404, 'Gr\u00fc\u00df dich', 'HTTP/1.1 404 Gr\u00fc\u00df dich'],
      [299, 'Own', 'HTTP/1.1 299 Own'],
    ];
    for (const [status, reason, line] of phrases) {
      upstream.answer = (_, response) => void response.writeHead(status, reason).end('b'.repeat(70_000));
      expect(await statusLine(url, 'GET / HTTP/1.1')).toBe(line);
      expect(await statusLine(url, 'GET / HTTP/1.1', `Idempotency-Key: ${status}-${reason.length}`)).toBe(
        line,
      );
      expect(await statusLine(url, 'GET / HTTP/1.1', `Idempotency-Key: ${status}-${reason.length}`)).toBe(
        line,
      );
    }
    upstream.answer = (_, response) => void response.writeHead(202, 'Later').end();
    const accepted = await ask(url, { method: 'POST', headers: ['Prefer', 'respond-async, wait=10'] });
    const id = headerValue(accepted.headers, 'ringpost-request') ?? '';
    expect(await statusLine(url, `GET /-/requests/${id}/reply HTTP/1.1`)).toBe('HTTP/1.1 202 Later');
  });

  it('comes from the statusText of a fetch-style handler', async () => {
    const HANDLER = handlerFile('reasons');
    const { url } = await system().start({ REPLICAS: '1', HANDLER });
    expect(await statusLine(url, 'GET /Made HTTP/1.1')).toBe('HTTP/1.1 201 Made');
    expect(await statusLine(url, 'HEAD /Made HTTP/1.1')).toBe('HTTP/1.1 201 Made');
    expect(await statusLine(url, 'GET /none HTTP/1.1')).toBe('HTTP/1.1 201 none');
    expect(await statusLine(url, 'GET / HTTP/1.1')).toBe('HTTP/1.1 201 Created');
    expect(await statusLine(url, 'GET /forged HTTP/1.1')).toBe('HTTP/1.1 201 Created');
  });
});

describe('the request of an upstream', () => {
  it('is OPTIONS * for the whole server, in either form', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    expect(await statusLine(url, 'OPTIONS * HTTP/1.1')).toBe('HTTP/1.1 200 OK');
    expect(await statusLine(url, 'OPTIONS http://shop.test HTTP/1.1')).toBe('HTTP/1.1 200 OK');
    expect(upstream.got.map(({ method, url: target }) => `${method} ${target}`)).toEqual([
      'OPTIONS *',
      'OPTIONS *',
    ]);
  });

  it('distinguishes an empty body from none', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const framings = [['Content-Length: 0'], ['Transfer-Encoding: chunked'], []];
    for (const method of ['GET', 'POST', 'DELETE', 'PATCH']) {
      for (const framing of framings) {
        const body = framing[0]?.startsWith('Transfer') ? '0\r\n\r\n' : '';
        const head = [`${method} / HTTP/1.1`, 'Host: a', 'Connection: close', ...framing];
        const { ended } = await speak(url, `${head.join('\r\n')}\r\n\r\n${body}`);
        expect(await ended).toMatch(/^HTTP\/1\.1 200 /);
        const { headers = [] } = upstream.got.pop() ?? {};
        const got = ['Content-Length', 'Transfer-Encoding'].flatMap((name) =>
          valuesOf(headers, name.toLowerCase()).map((value) => `${name}: ${value}`),
        );
        expect(got, `${method} ${String(framing)}`).toEqual(framing);
      }
    }
  });

  it('names the request, its replica and its attempt, whatever the client claims', async () => {
    const upstream = await recordingUpstream();
    upstream.answer = ({ headers }, response) =>
      void response.writeHead(headerValue(headers, 'ringpost-attempt') === '1' ? 503 : 200).end();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url, ATTEMPTS: '2' });
    const forged = ['Ringpost-Request', 'x', 'ringpost-replica', 'S9', 'Ringpost_Attempt', '7'];
    const { headers } = await ask(url, { headers: forged });
    const id = headerValue(headers, 'ringpost-request');
    const seen = upstream.got.map((got) =>
      ['ringpost-request', 'ringpost-replica', 'ringpost-attempt', 'ringpost_attempt'].map((name) =>
        valuesOf(got.headers, name),
      ),
    );
    expect(seen).toEqual([
      [[id], ['S1'], ['1'], []],
      [[id], ['S1'], ['2'], []],
    ]);
  });

  it('has no fields that a client forged, in a handler', async () => {
    const HANDLER = handlerFile('echo');
    const { url } = await system().start({ REPLICAS: '1', HANDLER });
    const { body } = await ask(url, { headers: ['Ringpost-Request', 'x', 'Ringpost-Replica', 'S9'] });
    expect(String(body)).not.toMatch(/ringpost-re/);
  });

  it.each([
    ['standard', ['forwarded']],
    ['none', []],
  ])('names the origin of the request as FORWARDED=%s says', async (FORWARDED, names) => {
    const upstream = await recordingUpstream();
    const settings = { REPLICAS: '1', UPSTREAM: upstream.url, UPSTREAM_HOST: 'upstream', FORWARDED };
    const { url } = await system().start(settings);
    await ask(url, { headers: ['Host', 'shop.test'] });
    const { headers = [] } = upstream.got[0] ?? {};
    const got = headers.filter((name, at) => at % 2 === 0 && /forwarded/i.test(name));
    expect(got.map((name) => name.toLowerCase())).toEqual(names);
    expect(headerValue(headers, 'host')).toBe(new URL(upstream.url).host);
  });
});

describe('behind a trusted proxy', () => {
  it.each([
    [
      'as Forwarded says',
      ['Forwarded', 'for=198.51.100.1;proto=https;host=shop.test'],
      '198.51.100.1, 127.0.0.1',
    ],
    [
      'not as a client of the proxy claims',
      [
        'Forwarded',
        'for=203.0.113.1;proto=ws;host=evil.test, ' +
          'for="198.51.100.1:80";proto=https;host=shop.test, for=10.0.0.9',
      ],
      '203.0.113.1, 198.51.100.1, 10.0.0.9, 127.0.0.1',
    ],
    [
      'as its own fields say',
      ['X-Forwarded-For', '198.51.100.1', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.test'],
      '198.51.100.1, 127.0.0.1',
    ],
  ])('X-Forwarded-* are %s', async (_, sent, addresses) => {
    const upstream = await recordingUpstream();
    const TRUSTED_PROXIES = '127.0.0.1,10.0.0.0/8';
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url, TRUSTED_PROXIES });
    expect((await ask(url, { headers: ['Host', 'inner.test', ...sent] })).status).toBe(200);
    const { headers = [] } = upstream.got[0] ?? {};
    const got = ['for', 'proto', 'host'].flatMap((name) => valuesOf(headers, `x-forwarded-${name}`));
    expect(got).toEqual([addresses, 'https', 'shop.test']);
  });
});
