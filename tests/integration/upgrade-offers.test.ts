import { describe, expect, it } from 'vitest';
import { speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import type { RecordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

async function start(): Promise<{ readonly url: string; readonly upstream: RecordingUpstream }> {
  const upstream = await recordingUpstream();
  upstream.answer = ({ method, url, body }, response) => response.end(`${method} ${url} ${body.toString()};`);
  const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
  return { url, upstream };
}

const namesOf = (headers: readonly string[] = []): string[] =>
  headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());

describe('an offer to upgrade', () => {
  it.each([
    ['TLS/1.2, as Apache HttpClient makes it', 'Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n'],
    [
      'HTTP/2, as the JDK makes it',
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n',
    ],
    ['a list', 'Connection: upgrade\r\nUpgrade: HTTP/2.0, h2c\r\n'],
    ['a list with WebSocket in it', 'Connection: upgrade\r\nUpgrade: websocket, h2c\r\n'],
    ['two fields', 'Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n'],
    ['WebSocket that Connection does not name', 'Upgrade: websocket\r\n'],
  ])('of %s is ignored: bodies and further requests on the connection are served', async (_, offer) => {
    const { url, upstream } = await start();
    const requests = [
      [`POST /1 HTTP/1.1\r\nHost: a\r\n${offer}Content-Length: 5\r\n\r\nhello`, 'POST /1 hello;'],
      [
        `POST /2 HTTP/1.1\r\nHost: a\r\n${offer}Transfer-Encoding: chunked\r\n\r\n3\r\nbye\r\n0\r\n\r\n`,
        'POST /2 bye;',
      ],
      [`GET /3 HTTP/1.1\r\nHost: a\r\n${offer}\r\n`, 'GET /3 ;'],
      ['GET /4 HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /4 ;'],
    ] as const;
    const client = await speak(url, '');
    for (const [said, answer] of requests) {
      client.socket.write(said);
      await client.until(new RegExp(`${answer}$`));
    }
    client.socket.destroy();
    expect(client.heard().match(/HTTP\/1\.1 200 OK\r\n/g)).toHaveLength(4);
    expect(client.heard()).not.toMatch(/^upgrade:/im);
    for (const { headers } of upstream.got) {
      const names = namesOf(headers);
      expect(names).not.toContain('upgrade');
      expect(names).not.toContain('http2-settings');
    }
  });

  it('of WebSocket over HTTP/1.0 is ignored, as RFC 9110 7.8 says', async () => {
    const { url } = await start();
    const { ended } = await speak(
      url,
      'GET /1 HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    expect(await ended).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('of WebSocket with a body is refused without dispatching it', async () => {
    const { url, upstream } = await start();
    const upgrade = 'Connection: upgrade\r\nUpgrade: websocket\r\n';
    const { ended } = await speak(
      url,
      `POST /1 HTTP/1.1\r\nHost: a\r\n${upgrade}Content-Length: 5\r\n\r\nhello`,
    );
    const heard = await ended;
    expect(heard).toMatch(/^HTTP\/1\.1 501 /);
    expect(heard).toContain('"code":"upgrade_not_supported"');
    expect(upstream.got).toEqual([]);
  });
});
