import { describe, expect, it } from 'vitest';
import { ask, speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** @returns the status and problem of a raw answer, and whether it is complete. */
function problem(heard: string): unknown {
  const [head = '', body = ''] = heard.split('\r\n\r\n');
  const [, status] = /^HTTP\/1\.1 (\d{3}) [\w -]+\r\n/.exec(head) ?? [];
  const length = /\r\nContent-Length: (\d+)/i.exec(head)?.[1];
  const { code } = JSON.parse(body) as { code: string };
  return {
    status: Number(status),
    code,
    type: /\r\nContent-Type: (.*)\r\n/i.exec(head)?.[1],
    whole: length === String(Buffer.byteLength(body, 'latin1')),
  };
}

const is = (status: number, code: string): unknown => ({
  status,
  code,
  type: 'application/problem+json',
  whole: true,
});

const upgrade = (protocol: string, more = ''): string =>
  `GET /home HTTP/1.1\r\nHost: a\r\nConnection: Upgrade${more}\r\nUpgrade: ${protocol}\r\n`;

describe('a message that is not a plain HTTP/1.1 request', () => {
  it('is answered with a problem, closes the connection, and is never dispatched', async () => {
    const upstream = await recordingUpstream();
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const cases: [string, unknown][] = [
      ['CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n', is(501, 'method_not_supported')],
      [`${upgrade('websocket')}${key}\r\n`, is(501, 'upgrade_not_supported')],
      [`${upgrade('WebSocket')}${key}\r\nfirst frame`, is(501, 'upgrade_not_supported')],
      ['nonsense\r\n\r\n', is(400, 'request_malformed')],
      ['GET / HTTP/9.9\r\nHost: a\r\n\r\n', is(400, 'request_malformed')],
      ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', is(400, 'request_malformed')],
      ['FOO / HTTP/1.1\r\nHost: a\r\n\r\n', is(400, 'request_malformed')],
      [
        `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\na\r\n`,
        is(400, 'request_malformed'),
      ],
      ['GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', is(400, 'request_malformed')],
      ['GET / HTTP/1.1\r\nHost: a\r\nX Y: 1\r\n\r\n', is(400, 'request_malformed')],
      ['GET / HTTP/1.1\r\nHost: a\r\nX: a\u0000b\r\n\r\n', is(400, 'request_malformed')],
      ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', is(400, 'request_malformed')],
      [
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
        is(400, 'request_malformed'),
      ],
      [
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        is(400, 'request_malformed'),
      ],
      [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, is(431, 'header_too_large')],
      [`GET /${'x'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, is(431, 'header_too_large')],
    ];
    for (const [said, expected] of cases) {
      const { ended } = await speak(url, said);
      expect(problem(await ended), `to ${said.slice(0, 80)}`).toEqual(expected);
    }
    expect(upstream.got).toEqual([]);
  });

  it('does not end the gateway if the client resets its connection', async () => {
    const { url } = await system().start({ REPLICAS: '1' });
    const said = [
      'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n',
      `${upgrade('websocket')}\r\n${'x'.repeat(100_000)}`,
      'nonsense\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nabc',
      'GET /home HTTP/1.1\r\nHost: a\r\n\r\n',
    ];
    // An unhandled error would fail the whole run.
    for (const each of said) {
      for (const wait of [false, true]) {
        const client = await speak(url, each);
        if (wait) await client.until(/^HTTP/);
        client.socket.resetAndDestroy();
        await client.ended;
      }
    }
    expect((await ask(url, { target: '/home' })).status).toBe(200);
  });

  it('does not keep the gateway from stopping if the client does not close', async () => {
    const running = await system().start({ REPLICAS: '1' });
    const { socket, until } = await speak(running.url, `${upgrade('websocket')}\r\n`);
    socket.allowHalfOpen = true;
    await until(/^HTTP\/1\.1 501 /);
    const started = performance.now();
    await running.stop();
    expect(performance.now() - started).toBeLessThan(5000);
    socket.destroy();
  });
});
