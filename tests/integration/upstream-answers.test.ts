import { describe, expect, it } from 'vitest';
import type { HttpReply } from '#shared/contract/http.ts';
import { handlerOf, send, speakingUpstream } from '../fixtures/upstream-exchange.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const text = ({ body }: HttpReply): string => Buffer.from(body).toString('latin1');
const detailOf = (reply: HttpReply): unknown => JSON.parse(text(reply)).detail;

/** @returns the handler's reply to an upstream that writes these bytes. */
async function answered(bytes: string, method = 'GET'): Promise<HttpReply> {
  const { url } = await speakingUpstream(({ socket }) => void socket.write(bytes, 'latin1'));
  return send(handlerOf(url), { method });
}

describe('informational answers', () => {
  it.each([
    ['an unasked 100', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['two unasked 100', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Go on\r\n\r\n'],
    ['102, 103 and 100', 'HTTP/1.1 102 x\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 100 \r\n\r\n'],
    ['an unknown status', 'HTTP/1.1 142 Soon\r\nX-A: 1\r\n\r\n'],
  ])('are skipped: %s', async (_, before) => {
    for (const method of ['GET', 'POST', 'HEAD']) {
      const bytes = method === 'HEAD' ? ok.slice(0, -2) : ok;
      const reply = await answered(before + bytes, method);
      expect([reply.status, text(reply)], method).toEqual([200, method === 'HEAD' ? '' : 'ok']);
      expect(reply.headers).toEqual(['Content-Length', '2']);
    }
  });

  it('keep the connection usable', async () => {
    const connections = new Set<unknown>();
    const { url, heads } = await speakingUpstream(({ socket }) => {
      connections.add(socket);
      socket.write(`HTTP/1.1 100 Continue\r\n\r\n${ok}`);
    });
    const handler = handlerOf(url, { connections: 1 });
    for (let at = 0; at < 5; at += 1) expect(text(await send(handler, { method: 'POST' }))).toBe('ok');
    expect([heads.length, connections.size]).toEqual([5, 1]);
  });
});

describe('an answer that cannot be passed on', () => {
  it.each([
    ['its status is 000', 'HTTP/1.1 000 Zero\r\nContent-Length: 2\r\n\r\nok'],
    ['its status is 099', 'HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\nok'],
    [
      'it switches protocols',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nsecret',
    ],
    ['its status is 101 alone', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    [
      'it has gzip before chunked',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
    [
      'it has gzip and chunked in two fields',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ],
    ['it has gzip alone', 'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: gzip\r\n\r\nok'],
    ['its head is too large', `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(70_000)}\r\n\r\n`],
    ['it is another protocol', 'SSH-2.0-OpenSSH_9.9 secret\r\n'],
  ])('becomes 502 without internals in its text: %s', async (_, bytes) => {
    for (const method of ['GET', 'POST']) {
      const reply = await answered(bytes, method);
      expect(reply).toMatchObject({ status: 502, problem: 'outcome_unknown' });
      expect(detailOf(reply)).toMatch(/^The answer of the upstream cannot be passed on: it/);
      expect(text(reply)).not.toMatch(/assert|parse|undici|llhttp|HPE|secret|node:/i);
    }
  });

  it('closes its connection, and the next request uses another one', async () => {
    const { url } = await speakingUpstream(({ socket, count }) => {
      socket.write(count === 1 ? 'HTTP/1.1 101 Switching Protocols\r\n\r\n' : ok);
    });
    const handler = handlerOf(url, { connections: 1 });
    expect((await send(handler)).status).toBe(502);
    expect(text(await send(handler))).toBe('ok');
  });
});

describe('an answer that ends with its connection', () => {
  const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf';

  it('is complete if the stream ends', async () => {
    const { url } = await speakingUpstream(({ socket }) => void socket.end(head));
    expect(text(await send(handlerOf(url)))).toBe('half');
  });

  it.each(['GET', 'POST'])('becomes 502 after a reset: %s', async (method) => {
    const { url } = await speakingUpstream(({ socket }) => {
      socket.write(head, () => socket.resetAndDestroy());
    });
    const reply = await send(handlerOf(url), { method });
    expect(reply).toMatchObject({ status: 502, problem: 'outcome_unknown' });
  });
});

describe('an answer', () => {
  it('that arrives before the request is complete ends the connection', async () => {
    const closed = Promise.withResolvers<unknown>();
    let readOn = (): void => undefined;
    const { url } = await speakingUpstream(({ socket }) => {
      // Stop reading the request for now.
      socket.pause();
      readOn = () => void socket.resume();
      socket.once('close', closed.resolve);
      socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    });
    const handler = handlerOf(url, { connections: 1 });
    const reply = await send(handler, { method: 'POST', body: Buffer.alloc(32 * 1024 * 1024) });
    expect([reply.status, text(reply)]).toEqual([413, 'no']);
    readOn();
    await closed.promise;
  });

  it('may have as many fields as fit into its head', async () => {
    const fields = 'A: b\r\n'.repeat(5000);
    const reply = await answered(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 0\r\n\r\n`);
    expect(reply.headers).toHaveLength(2 * 5001);
  });
});

describe('a connection', () => {
  it.each([
    ['Keep-Alive: timeout=1, max=100', 2],
    ['Keep-Alive: timeout=60', 1],
    ['Keep-Alive: max=5', 1],
    ['Connection: close', 2],
    ['X-A: 1', 1],
  ])('is kept unless the upstream announces its end: %s', async (field, connections) => {
    const sockets = new Set<unknown>();
    const { url } = await speakingUpstream(({ socket }) => {
      sockets.add(socket);
      socket.write(`HTTP/1.1 200 OK\r\n${field}\r\nContent-Length: 0\r\n\r\n`);
    });
    const handler = handlerOf(url, { connections: 1 });
    for (let at = 0; at < 2; at += 1) expect((await send(handler)).status).toBe(200);
    expect(sockets.size).toBe(connections);
  });
});

describe('the reason phrase', () => {
  it.each([
    ['HTTP/1.1 200 Fine', 'Fine'],
    ['HTTP/1.1 200 OK', undefined],
    ['HTTP/1.1 200 ', ''],
    ['HTTP/1.1 404 Gr\u00fc\u00df dich,\tTurtle', 'Gr\u00fc\u00df dich,\tTurtle'],
    ['HTTP/1.1 299 Own', 'Own'],
    ['HTTP/1.0 200 OK then', 'OK then'],
  ])('is passed on if it is not the usual one: %s', async (line, reason) => {
    const reply = await answered(`${line}\r\nContent-Length: 0\r\n\r\n`);
    expect(reply.reason).toBe(reason);
  });
});
