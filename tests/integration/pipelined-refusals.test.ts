import { describe, expect, it } from 'vitest';
import { speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** The status of each answer on a connection, in order. */
const statuses = (heard: string): string[] =>
  [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code = '']) => code);

describe('a refused message that is pipelined behind a running request', () => {
  it.each([
    ['bytes that are not HTTP', 'nonsense\r\n\r\n', '400'],
    ['a head that is too large', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, '431'],
    ['CONNECT', 'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n', '501'],
    ['an upgrade', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n', '501'],
    [
      'a body with broken chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
      '400',
    ],
  ])('is answered after that request: %s', async (_, refused, status) => {
    const upstream = await recordingUpstream();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    upstream.answer = (_got, response) => void released.then(() => response.end('first'));
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const client = await speak(url, `GET /1 HTTP/1.1\r\nHost: a\r\n\r\n${refused}`);
    await expect.poll(() => upstream.got.length).toBe(1);
    expect(client.heard()).toBe('');
    release();
    const heard = await client.ended;
    expect(statuses(heard)).toEqual(['200', status]);
    expect(heard).toContain('first');
    expect(heard).toMatch(/^connection: close\r$/im);
    expect(upstream.got).toHaveLength(1);
  });

  it('does not keep the request alive when the client has left', async () => {
    const upstream = await recordingUpstream();
    let gone = 0;
    upstream.answer = (_got, response) => response.once('close', () => (gone += 1));
    const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
    const client = await speak(url, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n');
    await expect.poll(() => upstream.got.length).toBe(1);
    client.socket.end();
    await expect.poll(() => gone).toBe(1);
    await client.ended;
  });
});
