import { expect, it } from 'vitest';
import type { HttpReply } from '#shared/contract/http.ts';
import { handlerOf, send, speakingUpstream } from '../fixtures/upstream-exchange.ts';
import type { Spoken } from '../fixtures/upstream-exchange.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';
const answer = ({ head, socket }: Spoken): void =>
  void socket.write(head.startsWith('HEAD') ? ok : `${ok}ok`);
const text = ({ body }: HttpReply): string => Buffer.from(body).toString('latin1');

/** What an upstream does to a request on a connection that has already served one. */
const drops: [string, (spoken: Spoken) => void][] = [
  ['ends', ({ socket }) => void socket.end()],
  ['resets', ({ socket }) => void socket.resetAndDestroy()],
];

for (const [how, drop] of drops) {
  it.each(['GET', 'HEAD', 'OPTIONS'])(`%s is sent again if a kept connection ${how}`, async (method) => {
    const { url, heads } = await speakingUpstream((spoken) => {
      if (spoken.onConnection > 1) drop(spoken);
      else answer(spoken);
    });
    const handler = handlerOf(url, { connections: 1 });
    expect((await send(handler)).status).toBe(200);
    const reply = await send(handler, { method });
    expect([reply.status, text(reply)]).toEqual([200, method === 'HEAD' ? '' : 'ok']);
    expect(heads.map((head) => head.split(' ')[0])).toEqual(['GET', method, method]);
    expect(heads[2]?.replace('Connection: close', 'Connection: keep-alive')).toBe(heads[1]);
    // The next request is served as usual.
    expect((await send(handler)).status).toBe(200);
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])(`%s is not sent again if it ${how}`, async (method) => {
    const { url, heads } = await speakingUpstream((spoken) => {
      if (spoken.onConnection > 1) drop(spoken);
      else answer(spoken);
    });
    const handler = handlerOf(url, { connections: 1 });
    await send(handler);
    const body = Buffer.from('once');
    expect(await send(handler, { method, body })).toMatchObject({ status: 502, problem: 'outcome_unknown' });
    expect(heads).toHaveLength(2);
  });

  it(`GET is not sent again if a new connection ${how}`, async () => {
    const { url, heads } = await speakingUpstream(drop);
    expect(await send(handlerOf(url))).toMatchObject({ status: 502, problem: 'outcome_unknown' });
    expect(heads).toHaveLength(1);
  });

  it(`GET is sent at most twice if each connection ${how}`, async () => {
    const { url, heads } = await speakingUpstream((spoken) => {
      if (spoken.count > 1) drop(spoken);
      else answer(spoken);
    });
    const handler = handlerOf(url, { connections: 1 });
    await send(handler);
    expect(await send(handler)).toMatchObject({ status: 502, problem: 'outcome_unknown' });
    expect(heads).toHaveLength(3);
  });
}

it('GET is not sent again if a byte of the answer has arrived', async () => {
  const { url, heads } = await speakingUpstream((spoken) => {
    if (spoken.onConnection > 1) spoken.socket.end('H');
    else answer(spoken);
  });
  const handler = handlerOf(url, { connections: 1 });
  await send(handler);
  expect(await send(handler)).toMatchObject({ status: 502, problem: 'outcome_unknown' });
  expect(heads).toHaveLength(2);
});

it('many requests that lose their connections at once are each sent again once', async () => {
  const { url, heads } = await speakingUpstream((spoken) => {
    if (spoken.onConnection > 1) spoken.socket.destroy();
    else answer(spoken);
  });
  const handler = handlerOf(url, { connections: 8 });
  const all = (): Promise<HttpReply[]> => Promise.all(Array.from({ length: 8 }, () => send(handler)));
  await all();
  expect((await all()).map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
  expect(heads).toHaveLength(24);
});

it('bytes on an idle connection close it, and do not answer the next request', async () => {
  const idle = Promise.withResolvers<unknown>();
  const { url } = await speakingUpstream((spoken) => {
    answer(spoken);
    if (spoken.count > 1) return;
    spoken.socket.once('close', idle.resolve);
    setTimeout(() => spoken.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother'), 20);
  });
  const handler = handlerOf(url, { connections: 1 });
  expect(text(await send(handler))).toBe('ok');
  await idle.promise;
  expect(text(await send(handler))).toBe('ok');
});
