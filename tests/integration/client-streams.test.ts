import { windowBytes } from '#shared/contract/frame.ts';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { errorOf, speak } from '../fixtures/raw-http.ts';
import { unreadRequest } from '../fixtures/slow-client.ts';
import { longAnswer, StreamServer } from '../fixtures/stream-server.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const oldGet = 'GET / HTTP/1.0\r\n\r\n';
const lengthOf = (bytes: number): { headers: string[] } => ({ headers: ['Content-Length', String(bytes)] });

describe('a stream to a client of HTTP/1.1', () => {
  it('begins with its head, brings each chunk when it comes, and leaves the connection open', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const sending = await server.open({ status: 201, reason: 'Fine', headers: ['X-A', 'b', 'TE', 'gzip'] });
    const head = await client.until(/\r\n\r\n$/);
    expect(head).toMatch(
      /^HTTP\/1\.1 201 Fine\r\nX-A: b\r\nRingpost-Replica: S1\r\nRingpost-Request: r1\.S1\r\n/,
    );
    expect(head).toContain('\r\nTransfer-Encoding: chunked\r\n');
    for (const [text, chunk] of [
      ['abc', '3\r\nabc\r\n'],
      ['x'.repeat(17), `11\r\n${'x'.repeat(17)}\r\n`],
      ['€', '3\r\n\u00e2\u0082\u00ac\r\n'],
    ] as const) {
      const before = client.heard().length;
      sending.send(text);
      await expect.poll(() => client.heard().slice(before), { interval: 1 }).toBe(chunk);
    }
    expect(server.ended).toEqual([]);
    sending.end();
    await client.until(/\r\n0\r\n\r\n$/);
    await expect
      .poll(() => server.ended)
      .toEqual([{ status: 201, code: undefined, whole: true, aborted: undefined, bytes: 23 }]);
    expect([server.streams.size, server.held.size, server.unsent.size]).toEqual([0, 0, 0]);

    client.socket.write(get);
    const next = await server.open({}, 'first');
    next.end();
    await client.until(/\r\n\r\n5\r\nfirst\r\n0\r\n\r\n$/);
    expect(server.signals).toEqual([]);
    client.socket.destroy();
  });

  it.each([0, 5, 5000])('keeps each byte of its head, with %i bytes after it', async (bytes) => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const every = Buffer.from(Array.from({ length: 95 }, (_, at) => at + 0xa1)).toString('latin1');
    (await server.open({ headers: ['X-A', every] }, 'x'.repeat(bytes))).end();
    expect(await client.until(/\r\n0\r\n\r\n$/)).toContain(`\r\nX-A: ${every}\r\n`);
    client.socket.destroy();
  });

  it('sends its first bytes together with the head', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const pieces: string[] = [];
    client.socket.on('data', (piece: Buffer) => pieces.push(piece.toString('latin1')));
    await server.open({}, 'first');
    await client.until(/first\r\n$/);
    expect(pieces).toHaveLength(1);
  });

  it('has a length instead of chunks if its head states one', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const sending = await server.open(lengthOf(8), 'ab');
    sending.send('cdefgh');
    sending.end();
    expect(await client.until(/\r\n\r\nabcdefgh$/)).not.toContain('Transfer-Encoding');
    client.socket.write(get);
    (await server.open({}, '2')).end();
    await client.until(/1\r\n2\r\n0\r\n\r\n$/);
    client.socket.destroy();
  });

  it.each([
    ['is shorter than', '4', 'abc', 'abc'],
    ['is longer than', '2', 'abc', ''],
  ])('breaks if the answer %s the length that its head states', async (_how, length, text, heard) => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const sending = await server.open({ headers: ['Content-Length', length] });
    await client.until(/\r\n\r\n$/);
    sending.send(text);
    if (heard !== '') await client.until(/abc$/);
    sending.end();
    expect((await client.ended).split('\r\n\r\n').at(1)).toBe(heard);
    await expect.poll(() => server.ended).toMatchObject([{ whole: false, aborted: 'handler_failed' }]);
    await expect.poll(() => server.streams.size).toBe(0);
    expect([...server.streams.counts.aborted]).toEqual([['handler_failed', 1]]);
  });

  it('breaks if its first bytes are too many, and the worker is told', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const sending = await server.open(lengthOf(2), 'abc');
    expect(await client.ended).not.toContain('abc');
    await expect.poll(() => sending.isCancelled).toBe(true);
    expect([server.streams.size, server.held.size]).toEqual([0, 0]);
  });

  it.each([
    ['two lengths', ['Content-Length', '3', 'Content-Length', '3']],
    ['a length that is none', ['Content-Length', '+3']],
    ['a length that no number can be', ['Content-Length', '99999999999999999999']],
  ])('goes in chunks if its head has %s', async (_what, headers) => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    (await server.open({ headers }, 'abc')).end();
    expect(await client.until(/3\r\nabc\r\n0\r\n\r\n$/)).not.toContain('Content-Length');
    client.socket.destroy();
  });

  it('breaks at an abort, and keeps what was sent', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const sending = await server.open({}, 'abc');
    await client.until(/abc\r\n$/);
    sending.abort('worker_died');
    expect(await client.ended).toMatch(/\r\n\r\n3\r\nabc\r\n$/);
    await expect
      .poll(() => server.ended)
      .toEqual([{ status: 200, code: 'worker_died', whole: false, aborted: 'worker_died', bytes: 3 }]);
    expect(server.signals).toEqual([]);
  });

  it('breaks at a gap that stays, and the worker is told to stop', async () => {
    const server = await StreamServer.start({ gapMs: 50 });
    const client = await speak(server.url, get);
    const sending = await server.open({}, 'abc');
    sending.skip(1);
    sending.send('e');
    expect(await client.ended).not.toMatch(/\r\n0\r\n/);
    await expect.poll(() => sending.isCancelled).toBe(true);
    expect(server.ended).toMatchObject([
      { status: 200, code: 'outcome_unknown', whole: false, aborted: 'gap' },
    ]);
    // The worker is told once a second at most.
    for (let at = 0; at < 10; at += 1) sending.send('f');
    server.sendUnknown('r0.S1');
    await expect.poll(() => server.signals).toContainEqual({ kind: 'cancel', fence: 7, id: 'r0.S1' });
    expect(server.signals.filter((each) => each.kind === 'cancel' && each.id === sending.id)).toHaveLength(1);
  });

  it('gets the answers of pipelined requests in their order', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get + get + get);
    const [one, two, three] = [await server.open(), await server.open({}, 'two'), await server.open()];
    two.send('2'.repeat(5000));
    two.end();
    three.send('3');
    three.abort('worker_died');
    one.send('1');
    await client.until(/\r\n\r\n1\r\n1\r\n$/);
    one.end();
    const heard = await client.ended;
    expect(heard.split(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\n/)).toEqual([
      '',
      '1\r\n1\r\n0\r\n\r\n',
      `3\r\ntwo\r\n1388\r\n${'2'.repeat(5000)}\r\n0\r\n\r\n`,
    ]);
    await expect.poll(() => [server.held.size, server.unsent.size]).toEqual([0, 0]);
    expect(server.streams.size).toBe(0);
  });

  it('has no body after HEAD', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get.replace('GET', 'HEAD'));
    const sending = await server.open(lengthOf(50), 'abc');
    sending.send('def');
    sending.end();
    const head = await client.until(/\r\n\r\n$/);
    expect(head).toContain('Content-Length: 50\r\n');
    client.socket.write(get);
    (await server.open({}, 'next')).end();
    expect(await client.until(/next\r\n0\r\n\r\n$/)).not.toContain('abc');
    await expect.poll(() => server.held.size).toBe(0);
    client.socket.destroy();
  });

  it('passes early hints on before the head', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const answer = await server.asked();
    answer.hint([
      'Link',
      '</a.css>; rel=preload',
      'X-A',
      '1',
      'Link',
      '</b.js>; rel=preload',
      'Connection',
      'x',
    ]);
    expect(await client.until(/\r\n\r\n$/)).toBe(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload, </b.js>; rel=preload\r\nx-a: 1\r\n\r\n',
    );
    answer.hint(['Link', '</a>\r\nX-B: 1']);
    const result = { status: 200, headers: [], body: Buffer.from('whole') };
    answer.settle({ id: 'r', replica: 'S1', result, ran: undefined });
    expect(await client.until(/whole$/)).not.toContain('X-B');
    answer.hint(['Link', '</late>']);
    client.socket.write(oldGet);
    const old = await server.asked();
    old.hint(['Link', '</old>']);
    old.settle({ id: 'r', replica: 'S1', result, ran: undefined });
    expect(await client.ended).not.toMatch(/late|old/);
  });

  it('is a problem if its head cannot be sent, and the worker is told', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const sending = await server.open({ headers: ['X-A', 'a\u0001b'] }, 'abc');
    expect(await client.until(/\}$/)).toMatch(/^HTTP\/1\.1 500 [^]*handler_failed/);
    await expect.poll(() => sending.isCancelled).toBe(true);
    expect(server.ended).toMatchObject([{ status: 500, code: 'handler_failed', whole: true }]);
    client.socket.destroy();
  });
});

describe('a stream to a client of HTTP/1.0', () => {
  it('ends with its connection', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, oldGet);
    const sending = await server.open({}, 'abc');
    sending.send('def');
    await client.until(/\r\n\r\nabcdef$/);
    sending.end();
    expect(await errorOf(client.socket)).toBeUndefined();
    expect(client.heard()).toMatch(/\r\nConnection: close\r\n\r\nabcdef$/);
    expect(server.ended).toMatchObject([{ whole: true, bytes: 6 }]);
  });

  it.each(['an abort', 'a gap'] as const)('is reset after %s', async (what) => {
    const server = await StreamServer.start({ gapMs: 50 });
    const client = await speak(server.url, oldGet);
    const sending = await server.open({}, 'abc');
    await client.until(/abc$/);
    if (what === 'an abort') sending.abort('worker_died');
    else sending.skip(1);
    sending.send('x');
    expect(await errorOf(client.socket)).toBe('ECONNRESET');
  });

  it('may have a length', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, oldGet);
    (await server.open(lengthOf(3), 'abc')).end();
    expect(await client.ended).toMatch(/\r\n\r\nabc$/);
  });
});

describe('the bytes of a stream', () => {
  /** Gets an answer, and sends it as it is granted, in pieces of these sizes in turn. */
  async function passed(length: number, sizes: readonly number[], stated: boolean): Promise<Buffer> {
    const server = await StreamServer.start();
    const request = httpRequest(server.url, { agent: false }).end();
    const answered = once(request, 'response');
    const sending = await server.open(stated ? lengthOf(length) : {});
    const [response] = (await answered) as [IncomingMessage]; // as `response` is documented
    const body = response.toArray();
    for (let at = 0; sending.offset < length; at += 1) {
      const { offset } = sending;
      if (sending.granted === offset) {
        await expect.poll(() => sending.granted, { interval: 1 }).toBeGreaterThan(offset);
      }
      const to = Math.min(length, sending.granted, offset + (sizes[at % sizes.length] ?? 1));
      sending.send(longAnswer(sending.offset, to));
    }
    sending.end();
    return Buffer.concat((await body) as Buffer[]); // no encoding is set
  }

  it.each([
    ['small ones', 20_000, [1, 7, 100]],
    ['large ones', 3_000_000, [65_536, 65_535, 4097, 4096]],
    ['both', 1_000_000, [3, 65_536, 4096, 1, 40_000]],
  ])('arrive as they were sent, in %s', async (_what, length, sizes) => {
    const expected = longAnswer(0, length);
    for (const stated of [true, false]) {
      expect((await passed(length, sizes, stated)).equals(expected)).toBe(true);
    }
  });
});

describe('a client that does not read', () => {
  const length = 24 * windowBytes;

  it('stops its stream, costs one window at most, and delays no other stream', async () => {
    const server = await StreamServer.start();
    const socket = unreadRequest(server.url, get);
    const slow = await server.open(lengthOf(length));
    const other = await speak(server.url, get);
    const quick = await server.open();
    let most = 0;
    // The systems of both sides take some mebibytes.
    for (let rounds = 0; rounds < 50; rounds += 1) {
      if (slow.granted > slow.offset) rounds = 0;
      slow.sendGranted(length);
      slow.blocked();
      most = Math.max(most, server.held.size);
      quick.send('tick');
      const ticks = quick.offset / 4;
      await expect.poll(() => other.heard().split('tick').length - 1, { interval: 1 }).toBe(ticks);
    }
    expect(slow.offset).toBeLessThan(length);
    expect(most).toBeLessThanOrEqual(windowBytes);
    expect(server.held.size).toBeGreaterThan(0);

    const read: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => read.push(bytes));
    socket.resume();
    await expect
      .poll(
        () => {
          slow.sendGranted(length);
          return slow.offset;
        },
        { interval: 1 },
      )
      .toBe(length);
    slow.end();
    await expect.poll(() => server.ended.length).toBe(1);
    await expect.poll(() => Buffer.concat(read).length).toBeGreaterThan(length);
    const all = Buffer.concat(read);
    expect(all.subarray(all.length - length).equals(longAnswer(0, length))).toBe(true);
    expect(server.held.size).toBe(0);
    other.socket.destroy();
  });

  it.each([
    ['one byte', 1, 64],
    ['5000 bytes', 5000, 65_536],
  ])('costs little more than its bytes, in chunks of %s', async (_what, size, readBytes) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void; // what the flag adds
    const server = await StreamServer.start();
    unreadRequest(server.url, get);
    const slow = await server.open();
    for (let rounds = 0; rounds < 50; rounds += 1) {
      if (slow.granted > slow.offset) rounds = 0;
      slow.sendGranted(length);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const used = (): number => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const before = used();
    const held = server.held.size;
    // A chunk is a part of what the connection to Redis has read at once.
    while (server.held.size < held + 600_000) slow.send(Buffer.alloc(size, 'x'), readBytes);
    // V8 frees buffers a moment after it has collected them.
    await expect.poll(() => used() - before).toBeLessThan(3_000_000);
  });

  it('has a narrow window while others have all wide ones', async () => {
    const server = await StreamServer.start({ bytesInFlight: 2 * windowBytes });
    unreadRequest(server.url, get);
    const wide = await server.open();
    wide.sendGranted(64 * 1024);
    await expect.poll(() => wide.granted).toBeGreaterThan(windowBytes);
    const reader = await speak(server.url, get);
    const narrow = await server.open();
    for (let at = 1; at <= 10; at += 1) {
      narrow.sendGranted(narrow.granted);
      const { offset } = narrow;
      await expect.poll(() => narrow.granted, { interval: 1 }).toBeGreaterThan(offset);
      expect(narrow.granted).toBeLessThanOrEqual(offset + 64 * 1024);
    }
    expect(server.held.fits(windowBytes)).toBe(true);
    // The window is free once its stream is over.
    wide.end();
    await expect.poll(() => server.streams.size).toBe(1);
    narrow.sendGranted(narrow.granted);
    const { offset } = narrow;
    await expect.poll(() => narrow.granted).toBe(offset + windowBytes);
    reader.socket.destroy();
  });

  it.each([
    [get, undefined],
    [oldGet, 'ECONNRESET'],
  ])('is disconnected after SEND_TIMEOUT_MS: %j', async (request, code) => {
    const server = await StreamServer.start({ sendTimeoutMs: 300 });
    const socket = unreadRequest(server.url, request);
    const broken = errorOf(socket);
    const sending = await server.open();
    await expect
      .poll(
        () => {
          sending.sendGranted(length);
          return sending.isCancelled;
        },
        { interval: 5 },
      )
      .toBe(true);
    expect(server.ended).toMatchObject([{ status: 499, code: undefined, whole: false, aborted: 'slow' }]);
    expect([server.unsent.closedCount, server.unsent.size, server.held.size]).toEqual([1, 0, 0]);
    expect([...server.streams.counts.aborted]).toEqual([['slow', 1]]);
    socket.resume();
    if (code !== undefined) expect(await broken).toBe(code);
    else await broken;
  });

  it('is not disconnected while its stream brings nothing', async () => {
    const server = await StreamServer.start({ sendTimeoutMs: 100 });
    const client = await speak(server.url, get);
    const sending = await server.open({}, 'a');
    await client.until(/a\r\n$/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    sending.end();
    await client.until(/0\r\n\r\n$/);
    expect(server.unsent.closedCount).toBe(0);
    client.socket.destroy();
  });
});

describe('a gateway that stops', () => {
  it('waits for its streams, then breaks them off', async () => {
    const server = await StreamServer.start({ drainTimeoutMs: 3000 });
    const one = await speak(server.url, get);
    const sendings = [await server.open()];
    const two = await speak(server.url, get + get);
    sendings.push(await server.open());
    await server.open();
    const old = await speak(server.url, oldGet);
    const broken = errorOf(old.socket);
    sendings.push(await server.open());
    const closed = server.close();
    for (const sending of sendings) sending.send('abc');
    for (const client of [one, two]) await client.until(/\r\n\r\n3\r\nabc\r\n$/);
    await old.until(/abc$/);
    sendings[0]?.end();
    expect(await one.ended).toMatch(/\r\n0\r\n\r\n$/);
    await closed;
    expect(await two.ended).not.toMatch(/\r\n0\r\n/);
    expect(await broken).toBe('ECONNRESET');
    expect(server.ended.map(({ code, whole, aborted }) => [code, whole, aborted])).toEqual([
      [undefined, true, undefined],
      ['cancelled', false, 'stop'],
      ['cancelled', false, 'stop'],
      ['cancelled', false, 'stop'],
    ]);
    expect(server.streams.size).toBe(0);
    expect([...server.streams.counts.aborted]).toEqual([['stop', 3]]);
  });
});

describe('a client that leaves', () => {
  it('has its stream cancelled', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    const sending = await server.open({}, 'abc');
    await client.until(/abc\r\n$/);
    client.socket.destroy();
    await expect.poll(() => sending.isCancelled, { interval: 1 }).toBe(true);
    expect(server.ended).toEqual([
      { status: 499, code: undefined, whole: false, aborted: undefined, bytes: 3 },
    ]);
    expect([server.streams.size, server.held.size]).toEqual([0, 0]);
    expect([...server.streams.counts.aborted]).toEqual([['client', 1]]);
  });

  it('has all the streams of its pipelined requests cancelled', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get + get);
    const [one, two] = [await server.open({}, 'one'), await server.open({}, 'two')];
    await client.until(/one\r\n$/);
    client.socket.destroy();
    await expect.poll(() => [one.isCancelled, two.isCancelled]).toEqual([true, true]);
    expect([server.streams.size, server.held.size]).toEqual([0, 0]);
  });
});
