import { METHODS } from 'node:http';
import { describe, expect, it } from 'vitest';
import { add, call, callJson, failureOf, remove, ringOf, successful } from '../fixtures/admin-calls.ts';
import type { Answer, CallOptions } from '../fixtures/admin-calls.ts';
import { leaseReplicas } from '../fixtures/leased-replicas.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();
const json = { 'content-type': 'application/json' };
const calls = [
  ['POST', '/add'],
  ['DELETE', '/rm'],
] as const;

/** Starts a gateway with S1, S2 and S3, all ready, but no worker. */
async function startLeased(env: NodeJS.ProcessEnv = {}): Promise<string> {
  await leaseReplicas(system());
  const { url } = await system().start({ REPLICA_DRIVER: 'none', ...env });
  return url;
}

/** Makes each call, and expects a failure in the contract's form and an unchanged ring. */
async function refusals<T>(
  cases: readonly T[],
  status: number,
  make: (one: T) => Promise<Answer>,
): Promise<string[]> {
  const before = await ringOf(system());
  const messages: string[] = [];
  for (const one of cases) {
    const answer = await make(one);
    const shown = JSON.stringify(one).slice(0, 100);
    expect([shown, answer.status]).toEqual([shown, status]);
    messages.push(failureOf(answer, status));
    expect([shown, await ringOf(system())]).toEqual([shown, before]);
  }
  return messages;
}

describe('a change that cannot be made answers 400 and changes nothing', () => {
  it('if there are more hostnames than n, with exactly the bodies of the contract', async () => {
    const url = await startLeased();
    await refusals([0], 400, () => add(url, 1, ['S4', 'S5']));
    expect((await add(url, 1, ['S4', 'S5'])).text).toBe(
      '{"message":"<Error> Length of hostname list is more than newly added instances","status":"failure"}',
    );
    await refusals([0], 400, () => remove(url, 1, ['S1', 'S2']));
    expect((await remove(url, 1, ['S1', 'S2'])).text).toBe(
      '{"message":"<Error> Length of hostname list is more than removable instances","status":"failure"}',
    );
  });

  it.each(calls)('if n is missing or no integer of at least 1: %s %s', async (method, path) => {
    const url = await startLeased();
    const bodies = ['{}', '{"hostnames":["S1"]}', '{"N":1}'].concat(
      [
        'null',
        '"3"',
        '""',
        '1.5',
        '0',
        '-0',
        '-1',
        '1e99',
        '1e-9',
        '9007199254740993',
        'true',
        '[1]',
        '{}',
      ].map((n) => `{"n":${n},"hostnames":[]}`),
    );
    const messages = await refusals(bodies, 400, (body) => call(method, url + path, { headers: json, body }));
    for (const message of messages) expect(message).toMatch(/^n must be an integer of at least 1, not ./);
  });

  it('if n would make more than MAX_REPLICAS', async () => {
    const url = await startLeased({ MAX_REPLICAS: '5' });
    const messages = await refusals([3, 64, Number.MAX_SAFE_INTEGER], 400, (n) => add(url, n, ['S4']));
    expect(messages[0]).toBe('n is 3, but there are 3 replicas and may be 5 at most (MAX_REPLICAS)');
  });

  it('if n is larger than the number of replicas', async () => {
    const url = await startLeased();
    const messages = await refusals([4, Number.MAX_SAFE_INTEGER], 400, (n) => remove(url, n, ['S1']));
    expect(messages[0]).toBe('n is 4, but there are only 3 replicas');
  });

  it.each(calls)('if the hostnames are no list of strings: %s %s', async (method, path) => {
    const url = await startLeased();
    const lists = [null, 'S4', 4, true, {}, { length: 1 }, [1], ['S4', null], [['S4']], [{ name: 'S4' }]];
    const messages = await refusals(lists, 400, (hostnames) =>
      callJson(method, url + path, { n: 2, hostnames }),
    );
    for (const message of messages) expect(message).toMatch(/^hostnames must be a list of strings, not ./);
  });

  it.each(calls)('if a hostname is not valid for a container: %s %s', async (method, path) => {
    const url = await startLeased();
    const names = ['', '-a', '.a', '_a', 'a#1', 'a b', 'a\n', 'é', 'S１', '😀', 'a/b', 'a:b', 'a'.repeat(64)];
    const messages = await refusals([...names, '__proto__', '\u0000'], 400, (name) =>
      callJson(method, url + path, { n: 2, hostnames: ['S9', name] }),
    );
    for (const message of messages) expect(message).toContain('is no valid container hostname');
  });

  it('if a hostname is listed twice, in use, or unknown, even among valid ones', async () => {
    const url = await startLeased();
    const inUse = await refusals([['S1'], ['S4', 'S3']], 400, (names) => add(url, 3, names));
    expect(inUse).toEqual(['hostname "S1" is already in use', 'hostname "S3" is already in use']);
    const unknown = await refusals([['S4'], ['S1', 'S4'], ['s1']], 400, (names) => remove(url, 2, names));
    expect(unknown).toEqual([
      'there is no replica "S4"',
      'there is no replica "S4"',
      'there is no replica "s1"',
    ]);
    const twice = await refusals([calls[0], calls[1]], 400, ([method, path]) =>
      callJson(method, url + path, { n: 3, hostnames: ['S3', 'S2', 'S3'] }),
    );
    expect(twice).toEqual(['hostname "S3" is listed twice', 'hostname "S3" is listed twice']);
  });

  it('if the hostname was added but is not ready yet', async () => {
    const { url } = await system().start({
      REPLICA_DRIVER: 'none',
      REPLICAS: '0',
      ADD_TIMEOUT_MS: '20',
    });
    failureOf(await add(url, 1, ['S4']), 504);
    expect(await refusals([0], 400, () => add(url, 1, ['S4']))).toEqual(['hostname "S4" is already in use']);
  });

  it('if the assignment ring has no room for them', async () => {
    const url = await startLeased({ RING: 'assignment' });
    expect(await refusals([54, 61], 400, (n) => add(url, n))).toEqual([
      'the ring has room for 53 more replicas, not for 54',
      'the ring has room for 53 more replicas, not for 61',
    ]);
  });
});

describe.each(calls)('the body of %s %s', (method, path) => {
  const send = (url: string, options: CallOptions): Promise<Answer> => call(method, url + path, options);

  it('is answered with 400 if it is not a JSON object', async () => {
    const url = await startLeased();
    const invalid = [
      '{',
      'n=1',
      '{"n":1',
      "{'n':1}",
      '{"n":1}{}',
      '{"n":NaN}',
      'undefined',
      '\u0000',
      '[',
      ' ',
    ];
    const poisoned = ['{"n":1,"__proto__":{"x":1}}', '{"n":1,"constructor":{"prototype":{}}}'];
    await refusals([...invalid, ...poisoned], 400, (body) => send(url, { headers: json, body }));
    await refusals([Buffer.from([0xff, 0xfe, 0x7b, 0])], 400, (body) => send(url, { headers: json, body }));
    const messages = await refusals(['null', '1', '"n"', 'true', '[]', '[{"n":1}]'], 400, (body) =>
      send(url, { headers: json, body }),
    );
    expect(new Set(messages)).toEqual(
      new Set(['The body must be a JSON object such as {"n":2,"hostnames":["S5"]}']),
    );
  });

  it('is answered with 400 if it is missing', async () => {
    const url = await startLeased();
    const none = [{}, { headers: json }, { headers: json, body: '' }, { body: '' }];
    expect(await refusals(none, 400, (options) => send(url, options))).toHaveLength(4);
  });

  const types = [
    'text/plain',
    'text/plain; charset=utf-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'application/vnd.api+json',
    'application/jsonx',
    'text/json',
    'json',
    '*/*',
    '',
  ];

  it('is answered with 415 if a page sends it with another content type than JSON', async () => {
    const url = await startLeased();
    const ofPages = [{ origin: url }, { 'sec-fetch-site': 'same-origin' }];
    const body = '{"n":1}';
    const messages: string[] = [];
    for (const own of ofPages) {
      const sent = [own, ...types.map((type) => ({ ...own, 'content-type': type }))];
      messages.push(...(await refusals(sent, 415, (headers) => send(url, { headers, body }))));
    }
    expect(new Set(messages)).toEqual(new Set(['the body must be sent as Content-Type: application/json']));
  });

  it('is read as JSON from any other client, whatever its content type', async () => {
    const url = await startLeased();
    const sent = [{}, ...types.map((type) => ({ 'content-type': type }))];
    const messages = await refusals(sent, 400, (headers) => send(url, { headers, body: '{"n":0}' }));
    expect(new Set(messages)).toEqual(new Set(['n must be an integer of at least 1, not 0']));
    const chunked = { 'transfer-encoding': 'chunked' };
    await refusals([chunked], 400, (headers) => send(url, { headers, body: '{"n":0}' }));
    const answer = await send(url, { body: '{"n":1}' });
    expect(answer.status).toBe(200);
  });

  it('is answered with 413 if it is over 64 KiB, with and without a Content-Length', async () => {
    const url = await startLeased();
    const bodies = [64 * 1024 + 1, 1024 * 1024].map((size) => '{"n":1}'.padEnd(size));
    const messages = await refusals(bodies, 413, (body) => send(url, { headers: json, body }));
    messages.push(
      ...(await refusals(bodies, 413, (body) =>
        send(url, { headers: { ...json, 'transfer-encoding': 'chunked' }, body }),
      )),
    );
    expect(new Set(messages)).toEqual(new Set(['the body has more than 65536 bytes']));
  });
});

describe('a wrong method', () => {
  it.each([
    ['/rep', ['GET', 'HEAD']],
    ['/add', ['POST']],
    ['/rm', ['DELETE']],
  ])('is answered with 405 and Allow on %s, whatever the method and the body', async (path, allowed) => {
    const url = await startLeased();
    const wrong = METHODS.filter((method) => method !== 'CONNECT' && !allowed.includes(method));
    expect(wrong.length).toBeGreaterThan(30);
    const before = await ringOf(system());
    for (const method of wrong) {
      const bodiless = method === 'HEAD' || method === 'GET' || method === 'TRACE';
      const options = bodiless ? {} : { headers: json, body: '{"n":1}' };
      const answer = await call(method, url + path, options);
      expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, allowed.join(', ')]);
      if (method === 'HEAD') continue;
      expect(failureOf(answer, 405)).toBe(
        `${method} is not allowed on ${path}; allowed: ${allowed.join(', ')}`,
      );
    }
    expect(await ringOf(system())).toEqual(before);
  });
});

describe('a caller without rights', () => {
  const secret = 's3cret-of-the-test';
  const everyCall: [string, string, CallOptions][] = [
    ['GET', '/rep', {}],
    ['POST', '/add', { headers: json, body: '{"n":1}' }],
    ['DELETE', '/rm', { headers: json, body: '{"n":1}' }],
    ['POST', '/add', { headers: json, body: '{' }],
  ];

  it('gets 401 with WWW-Authenticate: Bearer without the token or with a wrong one', async () => {
    const url = await startLeased({ ADMIN_TOKEN: secret });
    for (const authorization of [undefined, 'Bearer wrong', 'Bearer', `Basic ${secret}`, secret]) {
      const own = authorization === undefined ? {} : { authorization };
      await refusals(everyCall, 401, async ([method, path, { headers, ...body }]) => {
        const answer = await call(method, url + path, { headers: { ...headers, ...own }, ...body });
        expect(answer.headers['www-authenticate']).toBe('Bearer');
        return answer;
      });
    }
    const headers = { authorization: `Bearer ${secret}` };
    expect((await call('GET', `${url}/rep`, { headers })).text).toBe(successful(['S1', 'S2', 'S3']));
  });

  it('gets 403 with the reason if the address is not loopback and no token is set', async () => {
    const url = await startLeased({ HOST: '0.0.0.0' });
    const messages = await refusals(everyCall, 403, async ([method, path, options]) => {
      const answer = await call(method, url + path, options);
      expect(answer.headers).not.toHaveProperty('www-authenticate');
      return answer;
    });
    expect(new Set(messages)).toEqual(
      new Set([
        'HOST is 0.0.0.0, not loopback: set ADMIN_TOKEN, or ADMIN_AUTH=none where the network is trusted',
      ]),
    );
    expect((await call('GET', `${url}/-/live`)).status).toBe(200);
  });
});
