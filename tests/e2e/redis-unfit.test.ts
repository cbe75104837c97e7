import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { useScratch } from '../fixtures/scratch.ts';
import type { Scratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as AddressInfo).port; // it listens on TCP
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a real Redis with these options and no persistence. */
async function redisWith({ run }: Scratch, ...options: string[]): Promise<number> {
  const port = await freePort();
  const where = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
  await run(inject('redisBinary'), [...where, ...options]).line(/Ready to accept connections/);
  return port;
}

/**
 * A server that claims in INFO to be a Redis of this version. Package managers have no Redis so old.
 */
async function fakeRedis(version: string): Promise<number> {
  const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const memory = '# Memory\r\nmaxmemory_policy:noeviction\r\nloading:0\r\n';
  const info = `# Server\r\nredis_version:${version}\r\n${memory}`;
  return listen(
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        // Each command is an array of bulk strings, the first of which is its name.
        const names = chunk.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g);
        for (const [, name = ''] of names) {
          if (name.toLowerCase() === 'info') socket.write(bulk(info));
          else if (name.toLowerCase() === 'hello') socket.write("-ERR unknown command 'HELLO'\r\n");
          else socket.write('+OK\r\n');
        }
      });
    }),
  );
}

/** Starts with this Redis and expects exit code 1. @returns the text on stderr. */
async function refusal({ start }: Scratch, redisUrl: string): Promise<string> {
  const began = performance.now();
  const command = start({ REDIS_URL: redisUrl });
  expect(await command.exited).toEqual({ code: 1, signal: null });
  expect(performance.now() - began).toBeLessThan(5000);
  expect(command.stdout()).toBe('');
  return command.stderr();
}

describe('a start with a REDIS_URL that cannot be used', () => {
  it('says that Redis evicts keys, and how to fix it', async () => {
    const place = await scratch();
    const port = await redisWith(place, '--maxmemory-policy', 'allkeys-lru');
    expect(await refusal(place, `redis://127.0.0.1:${port}`)).toBe(
      `ringpost: Redis at redis://127.0.0.1:${port} has maxmemory-policy allkeys-lru, ` +
        'which would delete accepted requests; ' +
        'set it to noeviction (redis-cli config set maxmemory-policy noeviction).\n',
    );
  });

  it('says that Redis does not listen', async () => {
    const port = await freePort();
    expect(await refusal(await scratch(), `redis://127.0.0.1:${port}`)).toBe(
      `ringpost: Redis at redis://127.0.0.1:${port} cannot be used: ` +
        `connect ECONNREFUSED 127.0.0.1:${port}.\n`,
    );
  });

  it('says that Redis accepts connections and does not answer', async () => {
    const port = await listen(createServer((socket) => socket.on('error', () => undefined)));
    expect(await refusal(await scratch(), `redis://127.0.0.1:${port}`)).toMatch(
      new RegExp(`^ringpost: Redis at redis://127\\.0\\.0\\.1:${port} cannot be used: [^\n]*\\.\n$`),
    );
  });

  it('says that Redis is too old, and which version is needed', async () => {
    const port = await fakeRedis('6.0.16');
    expect(await refusal(await scratch(), `redis://127.0.0.1:${port}`)).toBe(
      `ringpost: Redis at redis://127.0.0.1:${port} is version 6.0.16; ringpost needs 7.0 or newer.\n`,
    );
  });

  it('says that Redis requires a password', async () => {
    const place = await scratch();
    const port = await redisWith(place, '--requirepass', 'secret');
    expect(await refusal(place, `redis://127.0.0.1:${port}`)).toMatch(
      new RegExp(
        `^ringpost: Redis at redis://127\\.0\\.0\\.1:${port} cannot be used: Redis asks for [^\n]*\n$`,
      ),
    );
  });

  it('says that the password is wrong, without showing it', async () => {
    const place = await scratch();
    const port = await redisWith(place, '--requirepass', 'secret');
    const said = await refusal(place, `redis://:wrong-one@127.0.0.1:${port}`);
    expect(said).toMatch(/^ringpost: Redis at \S+ cannot be used: Redis knows no user default [^\n]*\n$/);
    expect(said).not.toContain('wrong-one');
  });

  it('names the Redis user that lacks rights, and the rights', async () => {
    const place = await scratch();
    const rules = ['on', '>secret', '~*', '&*', '+@all', '-blmpop', '-evalsha'];
    const port = await redisWith(place, '--user', 'weak', ...rules, '--maxmemory-policy', 'noeviction');
    expect(await refusal(place, `redis://weak:secret@127.0.0.1:${port}`)).toMatch(
      new RegExp(
        '^ringpost: Redis at \\S+ does not let the user weak use EVALSHA, BLMPOP; ' +
          'give it the rights of gateway and [^\n]*\n$',
      ),
    );
  });

  it('says that the server is not Redis', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    });
    const port = await listen(server);
    expect(await refusal(await scratch(), `redis://127.0.0.1:${port}`)).toMatch(
      /^ringpost: Redis at \S+ cannot be used: [^\n]*\n$/,
    );
  });
});
