import { createServer } from 'node:http';
import type { RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { BrokenAnswerError } from '../../worker/handlers/broken-answer.ts';
import { isSourced } from '../../worker/handlers/handler.ts';
import type { RunContext, SourcedReply } from '../../worker/handlers/handler.ts';
import { NotedSink } from '../fixtures/noted-sink.ts';
import { handlerOf, listening, speakingUpstream } from '../fixtures/upstream-exchange.ts';

const never = new AbortController().signal;

/** @returns the answer of an upstream, which must not be gathered. */
async function answerOf(url: URL, context: Partial<RunContext> = {}): Promise<SourcedReply> {
  const answer = await handlerOf(url).handle(
    { method: 'GET', target: '/', headers: ['Host', 'shop.test'], body: Buffer.alloc(0) },
    { replica: 'S1', requestId: 'r-1', attempt: 1, deadline: 0, signal: never, ...context },
  );
  if (!isSourced(answer)) throw new Error(`the answer was gathered: ${answer.status}`);
  return answer;
}

async function serve(listener: RequestListener): Promise<URL> {
  return new URL(`http://127.0.0.1:${await listening(createServer(listener))}`);
}

/** Writes endlessly, as fast as the reader reads. @returns how many bytes were written. */
function flood(response: ServerResponse): () => number {
  const chunk = Buffer.alloc(16 * 1024, 'x');
  let bytes = 0;
  const more = (): void => {
    do bytes += chunk.length;
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
  return () => bytes;
}

/** Lets everything arrive that is under way on the loopback interface. */
async function settle(written: () => number): Promise<void> {
  let before = -1;
  await expect
    .poll(() => [before, (before = written())], { interval: 100 })
    .toSatisfy(([last, now]: number[]) => last === now);
}

describe('the answer of an upstream', () => {
  it('is there with its head, before its bytes', async () => {
    let finish = (): void => undefined;
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      finish = () => response.end('data: 1\n\n');
    });
    const answer = await answerOf(url);
    expect([answer.status, answer.length]).toEqual([200, undefined]);
    const sink = new NotedSink();
    answer.source.start(sink);
    finish();
    expect(await sink.over).toEqual({ ended: true });
    expect(sink.whole.toString()).toBe('data: 1\n\n');
  });

  it('states its length if it is large, and is gathered if it is small', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 65_537 }).end(Buffer.alloc(65_537));
    });
    const answer = await answerOf(url);
    expect(answer.length).toBe(65_537);
    const sink = new NotedSink();
    answer.source.start(sink);
    await sink.over;
    expect(sink.length).toBe(65_537);
    const small = await serve((_, response) => void response.end(Buffer.alloc(65_536)));
    await expect(answerOf(small)).rejects.toThrow('gathered');
  });

  it('brings 1,000 small chunks in order, and its connection is used again', async () => {
    const chunks = Array.from({ length: 1000 }, (_, at) => `${at},`);
    const sockets = new Set<unknown>();
    const url = await serve((request, response) => {
      sockets.add(request.socket);
      for (const chunk of chunks) response.write(chunk);
      response.end();
    });
    const handler = handlerOf(url);
    for (let at = 0; at < 2; at += 1) {
      const answer = await handler.handle(
        { method: 'GET', target: '/', headers: [], body: Buffer.alloc(0) },
        { replica: 'S1', requestId: 'r-1', attempt: 1, deadline: 0, signal: never },
      );
      if (!isSourced(answer)) throw new Error('it was gathered');
      const sink = new NotedSink();
      answer.source.start(sink);
      expect(await sink.over).toEqual({ ended: true });
      expect(sink.whole.toString()).toBe(chunks.join(''));
    }
    expect(sockets.size).toBe(1);
  });

  it('is not read before the start, and stops at a pause: the upstream has to wait', async () => {
    let written = (): number => 0;
    const url = await serve((_, response) => void (written = flood(response)));
    const { source } = await answerOf(url);
    await settle(written);
    const sink = new NotedSink(() => source.pause());
    source.start(sink);
    await settle(written);
    expect(sink.chunks).toHaveLength(1);
    const [paused, { length }] = [written(), sink];
    // The buffers of both sockets.
    expect(paused - length).toBeLessThan(8 * 1024 * 1024);
    source.resume();
    await expect.poll(() => sink.length).toBeGreaterThan(length);
    source.cancel('enough');
  });

  it('stays paused if it was paused before the start', async () => {
    const url = await serve((_, response) => {
      response.write('o');
      response.end('k');
    });
    const { source } = await answerOf(url);
    source.pause();
    const sink = new NotedSink();
    source.start(sink);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([sink.length, sink.outcome]).toEqual([0, undefined]);
    source.resume();
    expect(await sink.over).toEqual({ ended: true });
    expect(sink.length).toBe(2);
  });

  it.each([false, true])('closes its connection when it is cancelled (started: %s)', async (isStarted) => {
    const closed = Promise.withResolvers<unknown>();
    const url = await serve((request, response) => {
      request.socket.on('close', closed.resolve);
      response.write('data: 1\n\n');
    });
    const { source } = await answerOf(url);
    const sink = new NotedSink();
    if (isStarted) {
      source.start(sink);
      await expect.poll(() => sink.length).toBeGreaterThan(0);
    }
    source.cancel('the client has left');
    await closed.promise;
    expect(sink.outcome).toBeUndefined();
  });

  it.each([false, true])('ends with its request (started: %s)', async (isStarted) => {
    const closed = Promise.withResolvers<unknown>();
    const url = await serve((request, response) => {
      request.socket.on('close', closed.resolve);
      response.write('data: 1\n\n');
    });
    const controller = new AbortController();
    const { source } = await answerOf(url, { signal: controller.signal });
    const sink = new NotedSink();
    if (isStarted) source.start(sink);
    const late = new Error('too late');
    controller.abort(late);
    await closed.promise;
    if (!isStarted) source.start(sink);
    expect(await sink.over).toEqual({ failed: late });
  });

  it.each([
    ['its connection is reset', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n', true],
    ['its connection ends', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n', false],
    ['it is no HTTP', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n', false],
    ['it is too short', 'HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nok', false],
  ])('fails with a problem if %s in the middle', async (_, bytes, isReset) => {
    let leave = (): void => undefined;
    const { url } = await speakingUpstream(({ socket }) => {
      socket.write(bytes.slice(0, bytes.indexOf('ok') + 4));
      leave = () => {
        if (isReset) socket.resetAndDestroy();
        else socket.end(bytes.slice(bytes.indexOf('ok') + 4));
      };
    });
    const { source } = await answerOf(url);
    const sink = new NotedSink();
    source.start(sink);
    await expect.poll(() => sink.length).toBe(2);
    leave();
    expect(await sink.over).toEqual({ failed: expect.any(BrokenAnswerError) });
    expect(sink.outcome).toMatchObject({ failed: { reply: { status: 502, problem: 'outcome_unknown' } } });
  });

  it('fails after the start if it broke before', async () => {
    const { url } = await speakingUpstream(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', () => socket.resetAndDestroy());
    });
    const { source } = await answerOf(url);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const sink = new NotedSink();
    source.start(sink);
    expect(sink.outcome).toBeUndefined();
    expect(await sink.over).toEqual({ failed: expect.any(BrokenAnswerError) });
  });
});

describe('early hints of an upstream', () => {
  const early = (link: string): string => `HTTP/1.1 103 Early Hints\r\nLink: ${link}\r\n\r\n`;
  const final = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';

  it('are told before the answer, with their end-to-end fields', async () => {
    const bytes =
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 7\r\n\r\n' +
      `HTTP/1.1 102 Processing\r\nX-A: 1\r\n\r\n${early('</b.css>')}${final}`;
    const { url } = await speakingUpstream(({ socket }) => void socket.write(bytes));
    const told: (readonly string[])[] = [];
    const answer = await answerOf(url, { onHints: (headers) => void told.push(headers) });
    expect(told).toEqual([
      ['Link', '</a.css>'],
      ['Link', '</b.css>'],
    ]);
    expect(answer.status).toBe(200);
  });

  it('are passed on eight times at most', async () => {
    const { url } = await speakingUpstream(({ socket }) => {
      socket.write(Array.from({ length: 20 }, (_, at) => early(`<${at}>`)).join('') + final);
    });
    let told = 0;
    await answerOf(url, { onHints: () => void (told += 1) });
    expect(told).toBe(8);
  });
});

it('an upstream that ends while its answer is paused has brought every byte', async () => {
  const body = Buffer.from(Uint8Array.from({ length: 30_000 }, (_, at) => at % 251));
  const ended = Promise.withResolvers<unknown>();
  const server = createServer((_, response) => {
    response.writeHead(200, { connection: 'close' });
    response.write(body.subarray(0, 10));
    response.end(body.subarray(10));
    response.on('finish', ended.resolve);
  });
  const url = new URL(`http://127.0.0.1:${await listening(server)}`);
  const { source } = await answerOf(url);
  source.pause();
  const sink = new NotedSink(() => source.pause());
  source.start(sink);
  await ended.promise;
  await expect
    .poll(() => {
      source.resume();
      return sink.outcome;
    })
    .toEqual({ ended: true });
  expect(sink.whole.equals(body)).toBe(true);
});
