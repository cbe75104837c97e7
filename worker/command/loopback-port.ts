import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { ListenOptions, Server } from 'node:net';

/** Below the ports that systems give to outgoing connections, so that none of those takes a chosen port. */
const lowest = 20_000;
const highest = 32_767;
const maxTries = 100;

/** A port that no other worker on this machine gives to its program until it is released. */
export interface LoopbackPort {
  readonly number: number;
  release(): Promise<void>;
}

/**
 * Chooses a port on which nothing listens. Another program may still take it before it is used.
 * @throws {Error} if it finds none.
 */
export async function choosePort(): Promise<LoopbackPort> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const port = randomInt(lowest, highest + 1);
    const release = await claimPort(port);
    if (release === undefined) continue;
    if (await isFree(port)) return { number: port, release };
    await release();
  }
  throw new Error(`no free port was found between ${lowest} and ${highest}`);
}

/** @returns whether a program could listen on the port now, on loopback and on all addresses. */
export async function isFree(port: number): Promise<boolean> {
  for (const address of [{ host: '127.0.0.1' }, {}]) {
    const server = await listen({ ...address, port, exclusive: true });
    if (server === undefined) return false;
    await close(server);
  }
  return true;
}

/**
 * Claims a port among the workers of this machine, with a name that vanishes with this process. Only Linux
 * has such names; elsewhere all claims succeed.
 * @returns a function that ends the claim; undefined if another worker has claimed the port.
 */
async function claimPort(port: number): Promise<(() => Promise<void>) | undefined> {
  if (process.platform !== 'linux') return () => Promise.resolve();
  const claim = await listen({ path: `\0ringpost-port-${port}` });
  return claim === undefined ? undefined : () => close(claim);
}

/** @returns a server that listens; undefined if the address is in use. */
async function listen(options: ListenOptions): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(options);
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  await closed;
}
