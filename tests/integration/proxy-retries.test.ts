import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../fixtures/free-port.ts';
import { useProxies } from '../fixtures/proxies.ts';
import { ask } from '../fixtures/raw-http.ts';
import { useScratch } from '../fixtures/scratch.ts';

const scratch = useScratch();
const proxyKinds = useProxies();

/** Starts a server in the place of three gateways. It resets the first connection on which it gets a path. */
async function startBreaking(): Promise<{ readonly port: number; readonly sent: () => readonly string[] }> {
  const sent: string[] = [];
  const server: Server = createServer((request, response) => {
    const { url = '', socket } = request;
    const isFirst = !sent.includes(url);
    if (url !== '/-/ready') sent.push(url);
    request.resume();
    request.on('end', () => {
      if (isFirst && url !== '/-/ready') socket.resetAndDestroy();
      else response.end('answered');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  return { port, sent: () => sent };
}

const key = ['Idempotency-Key', 'k1'];
const always = ['Ringpost-Retry', 'always'];
const never = ['Ringpost-Retry', 'never'];
/** How often a request is sent whose first connection breaks after it was sent. */
const cases: readonly (readonly [method: string, headers: readonly string[], times: number])[] = [
  ['GET', [], 2],
  ['HEAD', [], 2],
  ['PUT', [], 2],
  ['DELETE', [], 2],
  ['POST', [], 1],
  ['PATCH', [], 1],
  ['POST', key, 2],
  ['PATCH', always, 2],
  ['POST', [...key, ...always], 2],
  ['POST', [...key, ...never], 1],
  ['GET', never, 1],
];

// `npm test` says at its end which proxy is not installed.
describe.each(proxyKinds)('$name', (kind) => {
  it.skipIf(kind.program === undefined)(
    'sends a request again only if it may run twice, or if its connection was refused',
    async () => {
      const { port, sent } = await startBreaking();
      // Nothing is to be left out because of the failures before.
      const change = kind.name === 'nginx' ? { 'max_fails=1 ': 'max_fails=0 ' } : {};
      const { url } = await kind.start(await scratch(), [port, port, port], change);
      const seen: (readonly [string, readonly string[], number])[] = [];
      for (const [at, [method, headers]] of cases.entries()) {
        const body = ['GET', 'HEAD', 'DELETE'].includes(method) ? undefined : Buffer.from('x');
        const answer = await ask(url, { method, target: `/${at}`, headers, body });
        const times = sent().filter((path) => path === `/${at}`).length;
        expect([method, headers, answer.status]).toEqual([method, headers, times === 1 ? 502 : 200]);
        seen.push([method, headers, times]);
      }
      expect(seen).toEqual(cases);
    },
  );

  it.skipIf(kind.program === undefined)('sends a POST to another gateway if one refuses it', async () => {
    const { port } = await startBreaking();
    const ports = [await freePort(), await freePort(), port];
    const { url } = await kind.start(await scratch(), ports);
    for (let at = 0; at < 10; at += 1) {
      const posted = await ask(url, { method: 'POST', target: '/-/ready', body: Buffer.from('x') });
      expect(posted.status).toBe(200);
    }
  });
});
