import { createServer } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HttpReply } from '#shared/contract/http.ts';
import { localhostCertificate, otherCertificate } from '../fixtures/certificates.ts';
import type { TestCertificate } from '../fixtures/certificates.ts';
import { handlerOf, listening, send } from '../fixtures/upstream-exchange.ts';

const usual = getCACertificates('default');
beforeAll(() => setDefaultCACertificates([...usual, localhostCertificate.cert, otherCertificate.cert]));
afterAll(() => setDefaultCACertificates(usual));

/** An upstream that answers with the TLS server name and the `Host` that it received. */
async function tlsUpstream(
  certificate: TestCertificate,
): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer(certificate, (request: IncomingMessage, response) => {
    const { servername } = request.socket as TLSSocket; // an HTTPS server has such sockets
    response.end(JSON.stringify([servername, request.headers.host]));
  });
  server.on('secureConnection', () => (connections += 1));
  return { port: await listening(server), connections: () => connections };
}

const json = ({ body }: HttpReply): unknown => JSON.parse(Buffer.from(body).toString());

it.each([
  ['localhost', 'localhost'],
  ['127.0.0.1', false],
])(
  'TLS checks the name %s of the upstream, and one connection serves every Host',
  async (name, servername) => {
    const { port, connections } = await tlsUpstream(localhostCertificate);
    const handler = handlerOf(new URL(`https://${name}:${port}`), { connections: 1 });
    for (const host of ['localhost', 'shop.example', '127.0.0.1:5000', 'my-gateway:5000', 'b\u00fccher']) {
      for (const method of ['GET', 'POST']) {
        const reply = await send(handler, { method, headers: ['Host', host] });
        expect([reply.status, json(reply)]).toEqual([200, [servername, host]]);
      }
    }
    expect(connections()).toBe(1);
  },
);

it('UPSTREAM_HOST=upstream sends the own name of the upstream as Host', async () => {
  const { port } = await tlsUpstream(localhostCertificate);
  const handler = handlerOf(new URL(`https://localhost:${port}`), { host: 'upstream' });
  expect(json(await send(handler, { headers: ['Host', 'shop.example'] }))).toEqual([
    'localhost',
    `localhost:${port}`,
  ]);
});

it('a certificate for another name is refused, whatever Host says, and nothing is sent', async () => {
  const { port } = await tlsUpstream(otherCertificate);
  const handler = handlerOf(new URL(`https://localhost:${port}`));
  for (const host of ['localhost', 'other.test']) {
    const reply = await send(handler, { method: 'POST', headers: ['Host', host], body: Buffer.from('b') });
    expect(reply).toMatchObject({ status: 502, problem: 'upstream_unreachable' });
    expect(json(reply)).toMatchObject({ detail: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') });
  }
});

it('a GET is answered even if its kept TLS connection was dropped', async () => {
  let requests = 0;
  const server = createServer(localhostCertificate, (request, response) => {
    requests += 1;
    if (requests === 2) request.socket.destroy();
    else response.end('"ok"');
  });
  const port = await listening(server);
  const handler = handlerOf(new URL(`https://localhost:${port}`), { connections: 1 });
  await send(handler);
  expect(json(await send(handler))).toBe('ok');
  expect(requests).toBe(3);
});
