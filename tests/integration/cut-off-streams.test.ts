import { setImmediate as immediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { errorOf, speak } from '../fixtures/raw-http.ts';
import { unreadRequest } from '../fixtures/slow-client.ts';
import { StreamServer } from '../fixtures/stream-server.ts';
import type { Sending } from '../fixtures/stream-server.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const oldGet = 'GET / HTTP/1.0\r\n\r\n';
const halfPost = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx';

/** Sends until the operating system takes no more for the client, and Node holds the last bytes. */
async function fill(server: StreamServer, sending: Sending): Promise<void> {
  // The system may take the bytes of a piece one after the other.
  for (let rounds = 0; rounds < 200; rounds += 1) {
    if (server.held.size === 0) {
      sending.send('x'.repeat(50_000));
      rounds = 0;
    }
    await immediate();
  }
}

describe('the end of a stream that its client does not read', () => {
  it.each([
    [get, undefined],
    [oldGet, 'ECONNRESET'],
  ])('is given up after SEND_TIMEOUT_MS: %j', async (request, code) => {
    const server = await StreamServer.start({ sendTimeoutMs: 300 });
    const socket = unreadRequest(server.url, request);
    const broken = errorOf(socket);
    const sending = await server.open();
    await fill(server, sending);
    sending.end();
    await expect.poll(() => server.connections.size).toBe(0);
    expect([server.unsent.closedCount, server.unsent.size, server.held.size]).toEqual([1, 0, 0]);
    expect(server.ended).toMatchObject([{ status: 499, whole: false, aborted: 'slow' }]);
    socket.resume();
    expect(await broken).toBe(code);
  });

  it('is given up when the gateway stops, and a client of HTTP/1.0 can tell', async () => {
    const server = await StreamServer.start();
    const socket = unreadRequest(server.url, oldGet);
    const broken = errorOf(socket);
    const sending = await server.open();
    await fill(server, sending);
    sending.end();
    await server.close();
    socket.resume();
    expect(await broken).toBe('ECONNRESET');
  });

  it('is given up when the gateway stops, despite an upload behind it', async () => {
    const server = await StreamServer.start({ drainTimeoutMs: 2000 });
    unreadRequest(server.url, get + halfPost);
    const sending = await server.open();
    await fill(server, sending);
    sending.end();
    void server.close();
    await expect.poll(() => server.connections.size).toBe(0);
  });
});

describe('a stream in progress', () => {
  it('is broken off when the gateway stops, despite an upload behind it', async () => {
    const server = await StreamServer.start({ drainTimeoutMs: 2000 });
    const client = await speak(server.url, get + halfPost);
    const sending = await server.open({}, 'abc');
    await client.until(/abc\r\n$/);
    void server.close();
    await expect.poll(() => server.connections.size).toBe(0);
    expect(await client.ended).not.toMatch(/\r\n0\r\n/);
    expect(sending.isCancelled).toBe(true);
    expect([...server.streams.counts.aborted]).toEqual([['stop', 1]]);
  });
});

describe('a client that ends its side of the connection', () => {
  it('is reset if it could take what it has for the whole answer', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, oldGet);
    const broken = errorOf(client.socket);
    const sending = await server.open({}, 'abc');
    await client.until(/abc$/);
    client.socket.end();
    expect(await broken).toBe('ECONNRESET');
    expect(sending.isCancelled).toBe(true);
    expect([...server.streams.counts.aborted]).toEqual([['client', 1]]);
  });

  it('gets the rest of an answer that is complete', async () => {
    const server = await StreamServer.start();
    const socket = unreadRequest(server.url, oldGet);
    const broken = errorOf(socket);
    const sending = await server.open();
    await fill(server, sending);
    sending.end();
    socket.end();
    let length = 0;
    socket.on('data', (bytes: Buffer) => (length += bytes.length));
    socket.resume();
    expect(await broken).toBeUndefined();
    expect(length).toBeGreaterThan(sending.offset);
    expect(server.ended).toMatchObject([{ whole: true }]);
  });

  it('has a stream cancelled whose head comes later', async () => {
    const server = await StreamServer.start();
    const client = await speak(server.url, get);
    await expect.poll(() => server.connections.size).toBe(1);
    client.socket.end();
    await expect.poll(() => server.connections.size).toBe(0);
    const sending = await server.open({}, 'abc');
    await expect.poll(() => sending.isCancelled).toBe(true);
    expect([server.streams.size, server.unsent.size, server.held.size]).toEqual([0, 0, 0]);
  });
});
