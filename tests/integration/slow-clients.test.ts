import { windowBytes } from '#shared/contract/frame.ts';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ask, speak } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';
import type { RunningGateway } from '../fixtures/system.ts';

const system = useSystem();
const mebibyte = 1024 * 1024;

/** Answers are whole, however long they are. */
const whole = { STREAM_ABOVE_BYTES: String(256 * mebibyte) };

/** Starts a system whose upstream answers `/<n>` with n MiB. */
async function large(settings: NodeJS.ProcessEnv): Promise<RunningGateway> {
  const upstream = await recordingUpstream();
  upstream.answer = ({ url: target }, response) =>
    response.end(Buffer.alloc(Number(target.slice(1)) * mebibyte, 'x'));
  return system().start({ REPLICAS: '1', UPSTREAM: upstream.url, ...settings });
}

/** Sends a GET and reads nothing until the socket is resumed. */
function unread(url: string, target: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.pause();
  socket.on('error', () => undefined);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
  onTestFinished(() => void socket.destroy());
  return socket;
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/-/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

describe('a client that does not read its answer', () => {
  it('counts as held bytes, and is disconnected after SEND_TIMEOUT_MS', async () => {
    const { url } = await large({ SEND_TIMEOUT_MS: '1500', ...whole });
    const socket = unread(url, '/16');
    await expect.poll(() => metric(url, 'ringpost_held_bytes')).toBe(16 * mebibyte);
    await expect.poll(() => metric(url, 'ringpost_slow_clients_closed')).toBe(1);
    expect(await metric(url, 'ringpost_held_bytes')).toBe(0);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(socket.bytesRead).toBeLessThan(16 * mebibyte);
  });

  it('costs one window at most if its answer is a stream, and is disconnected likewise', async () => {
    const { url } = await large({ SEND_TIMEOUT_MS: '1500' });
    const socket = unread(url, '/16');
    let most = 0;
    await expect
      .poll(
        async () => {
          most = Math.max(most, await metric(url, 'ringpost_held_bytes'));
          return metric(url, 'ringpost_slow_clients_closed');
        },
        { interval: 10 },
      )
      .toBe(1);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(windowBytes);
    expect(await metric(url, 'ringpost_held_bytes')).toBe(0);
    await expect.poll(async () => system().redis.scard(system().keys.streams('S1'))).toBe(0);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(socket.bytesRead).toBeLessThan(16 * mebibyte);
  });

  it.each([
    ['whole', whole],
    ['a stream', {}],
  ])('is not disconnected while it reads anything of an answer that is %s', async (_what, settings) => {
    const { url } = await large({ SEND_TIMEOUT_MS: '600', ...settings });
    const socket = unread(url, '/6');
    let read = 0;
    const timer = setInterval(() => {
      socket.resume();
      setTimeout(() => socket.pause(), 5);
    }, 100);
    onTestFinished(() => clearInterval(timer));
    socket.on('data', (chunk) => (read += chunk.length));
    await expect.poll(() => read, { timeout: 30_000 }).toBeGreaterThan(6 * mebibyte);
    expect(await metric(url, 'ringpost_slow_clients_closed')).toBe(0);
  });
});

describe('if unread answers exceed BYTES_IN_FLIGHT', () => {
  it('requests get 503, and large answers wait in Redis until another client has read its own', async () => {
    const { url } = await large({ BYTES_IN_FLIGHT: String(20 * mebibyte), ...whole });
    const first = unread(url, '/16');
    await expect.poll(() => metric(url, 'ringpost_held_bytes')).toBe(16 * mebibyte);
    const second = fetch(`${url}/15`);
    await expect.poll(async () => (await system().redis.keys('*reply-body*')).length).toBe(1);
    expect((await ask(url, { method: 'POST', target: '/0', body: Buffer.alloc(5 * mebibyte) })).status).toBe(
      503,
    );
    // Small requests are still served.
    expect((await fetch(`${url}/0`)).status).toBe(200);
    first.resume();
    expect((await (await second).arrayBuffer()).byteLength).toBe(15 * mebibyte);
    await expect.poll(() => metric(url, 'ringpost_held_bytes')).toBe(0);
  });
});

describe('a body that a client is sending', () => {
  it('is counted as it arrives, and refused if the gateway holds too much', async () => {
    const { url } = await large({ BYTES_IN_FLIGHT: String(3 * mebibyte) });
    const head = `POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: ${8 * mebibyte}\r\n\r\n`;
    const client = await speak(url, head);
    client.socket.write(Buffer.alloc(2 * mebibyte));
    await expect.poll(() => metric(url, 'ringpost_held_bytes')).toBe(2 * mebibyte);
    client.socket.write(Buffer.alloc(2 * mebibyte));
    expect(await client.until(/over_capacity/)).toMatch(/^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n/);
    await expect.poll(() => metric(url, 'ringpost_held_bytes')).toBe(0);
  });
});

it('connections beyond MAX_CONNECTIONS are closed at once and counted; the others stay', async () => {
  const { url } = await large({ MAX_CONNECTIONS: '3' });
  const idle = [unread(url, '/0'), unread(url, '/0')];
  await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  const agentless = await ask(url, { target: '/0' });
  expect(agentless.status).toBe(200);
  idle.push(unread(url, '/0'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  await expect(ask(url, { target: '/0' })).rejects.toThrow(/socket hang up|ECONNRESET/);
  idle[0]?.destroy();
  await expect
    .poll(() =>
      ask(url, { target: '/0' }).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(200);
  idle[1]?.destroy();
  await expect.poll(() => metric(url, 'ringpost_connections_refused').catch(() => 0)).toBeGreaterThan(0);
});
