import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Readiness } from '../../worker/command/readiness.ts';

/** @returns the port of a program that is ready when it answers `/ready`, as this test lets it. */
async function programWith(onRequest: RequestListener): Promise<number> {
  const server = createServer(onRequest).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.close().closeAllConnections());
  // A server that listens on TCP has this kind of address.
  return (server.address() as AddressInfo).port;
}

describe('the reason why a program was not ready in time', () => {
  it('is its last answer, not the question that the end of the time cut short', async () => {
    const late = new AbortController();
    let asked = 0;
    const port = await programWith((_, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(404).end();
      else late.abort();
    });
    const readiness = new Readiness(port, '/ready');
    await expect(readiness.wait(late.signal)).rejects.toThrow('aborted');
    expect(readiness.state).toBe('/ready is answered 404');
  });

  it('is that it never answered, also if the first question was cut short', async () => {
    const late = new AbortController();
    const port = await programWith(() => late.abort());
    const readiness = new Readiness(port, '/ready');
    await expect(readiness.wait(late.signal)).rejects.toThrow('aborted');
    expect(readiness.state).toBe('/ready is not answered');
  });
});
