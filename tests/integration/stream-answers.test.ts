import { Agent } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startFed } from '../fixtures/fed-system.ts';
import { ask, speak } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const each = ['HANDLER', 'UPSTREAM', 'COMMAND'] as const;

describe.each(each)('a stream through %s', (fed) => {
  it('is chunked for HTTP/1.1, and its connection is used again', async () => {
    const { url, feed } = await startFed(system(), fed);
    const request = 'GET /one HTTP/1.1\r\nHost: h\r\n\r\n';
    const connection = await speak(url, request);
    const first = await feed.next();
    first.write('a\n');
    const head = await connection.until(/\r\n\r\n2\r\na\n\r\n/);
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).toMatch(/^transfer-encoding: chunked\r$/im);
    expect(head).not.toMatch(/^content-length:/im);
    first.write('bcd\n');
    await connection.until(/\r\n4\r\nbcd\n\r\n$/);
    first.end();
    await connection.until(/\r\n0\r\n\r\n$/);
    connection.socket.write(request.replace('one', 'two'));
    const second = await feed.next();
    expect(second.asked).toBe('GET /two');
    second.end();
    await connection.until(/\r\n0\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    connection.socket.destroy();
  });

  it('has plain bytes and the end of the connection for HTTP/1.0', async () => {
    const { url, feed } = await startFed(system(), fed);
    const connection = await speak(url, 'GET / HTTP/1.0\r\nHost: h\r\n\r\n');
    const feeding = await feed.next();
    feeding.write('a\n');
    const head = await connection.until(/\r\n\r\na\n$/);
    expect(head).not.toMatch(/^(?:transfer-encoding|content-length):/im);
    feeding.write('b\n');
    await connection.until(/\r\n\r\na\nb\n$/);
    feeding.end();
    expect(await connection.ended).toMatch(/\r\n\r\na\nb\n$/);
  });

  it('that breaks off has no clean end for HTTP/1.0 either', async () => {
    const { url, feed } = await startFed(system(), fed);
    const connection = await speak(url, 'GET / HTTP/1.0\r\nHost: h\r\n\r\n');
    const broken = new Promise<string>((resolve) => {
      connection.socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    });
    const feeding = await feed.next();
    feeding.write('a\n');
    await connection.until(/\r\n\r\na\n$/);
    feeding.destroy();
    expect(await broken).toBe('ECONNRESET');
  });

  it('answers pipelined requests in their order', async () => {
    const { url, feed } = await startFed(system(), fed);
    const connection = await speak(
      url,
      '/one /two'
        .split(' ')
        .map((target) => `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)
        .join(''),
    );
    const both = [await feed.next(), await feed.next()];
    const [one, two] = both.toSorted((left, right) => (left.asked < right.asked ? -1 : 1));
    two?.write('second');
    two?.end();
    one?.write('first');
    await connection.until(/first\r\n$/);
    one?.end();
    const heard = await connection.until(/second(?:\r\n0\r\n\r\n)?$/);
    expect(heard.match(/first|second/g)).toEqual(['first', 'second']);
    connection.socket.destroy();
  });

  it.each([
    [204, ''],
    [304, ''],
    [201, 'made'],
    [404, 'none'],
  ])('with status %i is passed on', async (status, body) => {
    const { url, feed } = await startFed(system(), fed);
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const asking = ask(url, { target: `/?status=${status}`, agent });
    const feeding = await feed.next();
    if (body !== '') feeding.write(body);
    feeding.end();
    const answer = await asking;
    expect(answer.status).toBe(status);
    expect(answer.body.toString()).toBe(body);
  });
});

it('HEAD of an endless answer has its fields and no body, and its source is cancelled', async () => {
  const { url, feed } = await startFed(system(), 'HANDLER');
  const asking = ask(url, { method: 'HEAD', target: '/?type=text/event-stream' });
  const feeding = await feed.next();
  feeding.write('data: 1\n\n');
  const { status, headers, body } = await asking;
  expect([status, body.length]).toEqual([200, 0]);
  expect(headers).toContain('text/event-stream');
  await feeding.left;
});

it.each(['UPSTREAM', 'COMMAND'] as const)('early hints of %s come before the head', async (fed) => {
  const { url, feed } = await startFed(system(), fed);
  const connection = await speak(url, 'GET /?hints=1 HTTP/1.1\r\nHost: h\r\n\r\n');
  const feeding = await feed.next();
  const hints = await connection.until(/\r\n\r\n/);
  expect(hints).toMatch(
    /^HTTP\/1\.1 103 Early Hints\r\nlink: <\/style\.css>; rel=preload; as=style\r\n\r\n$/i,
  );
  feeding.write('a\n');
  const heard = await connection.until(/\r\na\n\r\n/);
  expect(heard.slice(hints.length)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  feeding.end();
  await connection.until(/\r\n0\r\n\r\n$/);
  connection.socket.destroy();
});

it('early hints are not sent to a client of HTTP/1.0', async () => {
  const { url, feed } = await startFed(system(), 'UPSTREAM');
  const connection = await speak(url, 'GET /?hints=1 HTTP/1.0\r\nHost: h\r\n\r\n');
  const feeding = await feed.next();
  feeding.write('a\n');
  feeding.end();
  expect(await connection.ended).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});
