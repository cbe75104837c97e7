import { describe, expect, it } from 'vitest';
import { ask, speak } from '../fixtures/raw-http.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const alone = { ROLE: 'gateway', REPLICAS: '0' };

const codeOf = (body: Buffer | string): unknown => (JSON.parse(body.toString()) as { code?: unknown }).code;

describe("the gateway's own paths", () => {
  it('are its own in absolute targets too', async () => {
    const { url } = await system().start(alone);
    expect((await ask(url, { target: 'http://elsewhere/-/live' })).status).toBe(200);
    expect((await ask(url, { target: 'http://localhost/rep' })).status).toBe(200);
  });

  it('answer with a problem if there is nothing, or if the target cannot be decoded', async () => {
    const { url } = await system().start(alone);
    const nothing = await ask(url, { target: '/-/nothing' });
    expect([nothing.status, codeOf(nothing.body)]).toEqual([404, 'not_found']);
    const odd = await ask(url, { target: '/-/%zz' });
    expect([odd.status, codeOf(odd.body)]).toEqual([400, 'request_malformed']);
    for (const { headers } of [nothing, odd]) {
      const at = headers.findIndex((name) => name.toLowerCase() === 'content-type');
      expect(headers[at + 1]).toBe('application/problem+json');
    }
  });
});

describe('a request that is not quite valid HTTP', () => {
  it.each([
    ['without a Host', 'GET /x HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'request_malformed'],
    [
      'with two Hosts',
      'GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n',
      400,
      'request_malformed',
    ],
    [
      'with a transfer coding beside chunked',
      'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
      501,
      'transfer_coding_not_supported',
    ],
  ])('%s is answered with a problem', async (_, bytes, status, code) => {
    const { url } = await system().start(alone);
    const { ended } = await speak(url, bytes);
    const heard = await ended;
    expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(codeOf(heard.slice(heard.indexOf('\r\n\r\n') + 4))).toBe(code);
  });

  it('with Expect and a body too large is refused before it sends the body', async () => {
    const { url } = await system().start({ ...alone, BODY_LIMIT_BYTES: '10' });
    const head = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n';
    const { until, socket } = await speak(url, head);
    const heard = await until(/\}$/);
    expect(heard).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
  });
});

describe('without a controller', () => {
  it('/add is refused until a controller has set the first replicas', async () => {
    const { url } = await system().start(alone);
    const response = await fetch(`${url}/add`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"n":1}',
    });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toEqual({
      message: '<Error> no controller has started yet',
      status: 'failure',
    });
  });
});

it('/-/ring shows a replica named like a property of every object', async () => {
  const { url } = await system().start({ REPLICA_DRIVER: 'none', REPLICAS: '0', ADD_TIMEOUT_MS: '1' });
  await fetch(`${url}/add`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"n":1,"hostnames":["constructor"]}',
  });
  const { replicas } = (await (await fetch(`${url}/-/ring`)).json()) as { replicas: { name: string }[] };
  expect(replicas.map(({ name }) => name)).toEqual(['constructor']);
});
