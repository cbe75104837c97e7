import { inspect } from 'node:util';

import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { wholeOf } from '../fixtures/handled.ts';
import { serve } from '../fixtures/http-server.ts';
import { toHandlerAnswer } from '../../worker/handlers/fetch-reply.ts';
import { toFetchRequest } from '../../worker/handlers/fetch-request.ts';
import { acceptLazyRequests } from '../../worker/handlers/lazy/request.ts';
import { installLazyResponse, plainResponse } from '../../worker/handlers/lazy/response.ts';
import type { HandlerReply } from '../../worker/handlers/handler.ts';
import { ReplyBudget } from '../../worker/handlers/reply-budget.ts';

const NativeResponse = globalThis.Response;
const NativeRequest = globalThis.Request;
const nativeFetch = globalThis.fetch;
const nativeJson = NativeResponse.json.bind(NativeResponse);

const budget = new ReplyBudget(1024 * 1024);
const context = {
  replica: 'S1',
  requestId: 'r-1',
  attempt: 1,
  deadline: 0,
  signal: new AbortController().signal,
};

beforeAll(() => {
  installLazyResponse();
  acceptLazyRequests();
});
afterAll(() => {
  Object.defineProperty(NativeResponse, 'json', { value: nativeJson });
  Object.defineProperty(NativeResponse.prototype, 'constructor', { value: NativeResponse });
  Object.defineProperty(NativeRequest.prototype, 'constructor', { value: NativeRequest });
  Object.assign(globalThis, { Response: NativeResponse, Request: NativeRequest, fetch: nativeFetch });
});

/** @returns the whole answer to GET that a response makes. */
async function replyOf(response: Response): Promise<HandlerReply> {
  return wholeOf(await toHandlerAnswer(response, 'GET', context, budget), context, budget);
}

/** @returns what a call returns or throws. */
function outcome<T>(call: () => T): { readonly returned: T } | { readonly threw: unknown } {
  try {
    return { returned: call() };
  } catch (error) {
    return { threw: [(error as Error).name, (error as Error).message] };
  }
}

/** @returns the members of a native object, except those that are another object each time. */
function membersOf(value: object, prototype: object): Record<string, unknown> {
  const names = Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { get }]) => get !== undefined && !['body', 'headers', 'signal'].includes(name))
    .map(([name]) => name);
  return Object.fromEntries(names.map((name) => [name, Reflect.get(value, name)]));
}

async function everythingOf(response: Response): Promise<unknown> {
  const shown = inspect(response.clone());
  const members = membersOf(response, NativeResponse.prototype);
  const blob = await response.clone().blob();
  return {
    shown,
    members,
    headers: [...response.headers],
    body: response.body === null ? null : response.body.constructor.name,
    type: blob.type,
    bytes: await response.clone().bytes(),
    buffer: await response.clone().arrayBuffer(),
    text: await response.text(),
    used: response.bodyUsed,
    again: await response.text().catch((error: unknown) => (error as Error).message),
  };
}

const shared = new Uint8Array(new SharedArrayBuffer(2));
const resizable = new Uint8Array(new ArrayBuffer(2, { maxByteLength: 4 }));
const bodies = [
  '',
  'text',
  '\ufeffbyte order mark',
  'gr\u00fc\u00df \ud83d\ude00',
  'half \ud83d of a pair',
  Uint8Array.of(0, 255, 10),
  Buffer.from('pooled'),
  Uint8Array.of(1, 2, 3).buffer,
  new DataView(Uint8Array.of(4, 5).buffer),
  new Uint16Array([1, 2]),
  shared,
  resizable,
  new URLSearchParams({ a: '1' }),
  null,
  undefined,
  7,
  {},
];
const inits: unknown[] = [
  undefined,
  null,
  {},
  7,
  'text',
  { status: 200 },
  { status: 201, headers: { 'x-a': '1', 'Content-Type': 'a/b' } },
  { status: '202' },
  { status: null },
  { status: 99 },
  { status: 204 },
  { status: 304 },
  { status: 404.5 },
  { status: 599 },
  { status: 600 },
  { statusText: 'Fine' },
  { statusText: 'f\ni' },
  { headers: null },
  {
    headers: [
      ['a', '1'],
      ['a', '2'],
      ['set-cookie', 'b=1'],
      ['set-cookie', 'c=2'],
    ],
  },
  { headers: new Headers({ 'content-type': 'text/html' }) },
  { headers: { 'a b': '1' } },
  { headers: { a: '\u0100' } },
  { headers: [['a']] },
];
const pairs = bodies.flatMap((body) =>
  inits.map((init) => [body, init] as [ConstructorParameters<typeof Response>[0], ResponseInit]),
);

describe('a lazy Response', () => {
  it.each(pairs)('made from %j and %j equals a native one', async (body, init) => {
    const native = outcome(() => new NativeResponse(body, init));
    const ours = outcome(() => new Response(body, init));
    if (!('returned' in native) || !('returned' in ours)) {
      expect(ours).toEqual(native);
      return;
    }
    expect(ours.returned).toBeInstanceOf(Response);
    expect(ours.returned).toBeInstanceOf(NativeResponse);
    expect(native.returned).toBeInstanceOf(Response);
    expect(ours.returned.constructor).toBe(Response);
    const reply = await replyOf(new Response(body, init));
    const nativeReply = await replyOf(new NativeResponse(body, init));
    expect({ ...reply, body: Buffer.from(reply.body) }).toEqual({
      ...nativeReply,
      body: Buffer.from(nativeReply.body),
    });
    expect(await everythingOf(ours.returned)).toEqual(await everythingOf(native.returned));
  });

  it.each(inits as ResponseInit[])('made from JSON and %j equals a native one', async (init) => {
    for (const data of [{ a: [1, 'two'] }, 'text', null, undefined, 1n]) {
      const native = outcome(() => nativeJson(data, init));
      const ours = outcome(() => Response.json(data, init));
      if ('returned' in native && 'returned' in ours)
        expect(await everythingOf(ours.returned)).toEqual(await everythingOf(native.returned));
      else expect(ours).toEqual(native);
    }
  });

  it('stays lazy until more than its status is read', () => {
    const response = new Response('text', { headers: { a: '1' } });
    expect([response.status, response.ok]).toEqual([200, true]);
    expect(plainResponse(response)?.body).toBe('text');
    response.headers.set('a', '2');
    expect(plainResponse(response)).toBeUndefined();
    expect(plainResponse(Response.json({}))?.type).toBe('application/json');
    expect(plainResponse(new NativeResponse('text'))).toBeUndefined();
  });

  it('keeps the bytes that it was made from, even if they are overwritten', async () => {
    const bytes = Uint8Array.of(1, 2);
    const [one, other] = [new Response(bytes), new Response(bytes.buffer)];
    expect(plainResponse(one)?.body).toEqual(bytes);
    bytes.fill(9);
    expect(await replyOf(one)).toEqual({
      status: 200,
      headers: [],
      body: Uint8Array.of(1, 2),
    });
    expect(await other.bytes()).toEqual(Uint8Array.of(1, 2));
  });

  it('answers with its changed header fields', async () => {
    const response = new Response('text');
    response.headers.set('a', '2');
    const { headers } = await replyOf(response);
    expect(headers).toEqual(['a', '2', 'content-type', 'text/plain;charset=UTF-8']);
  });

  it('can be copied and subclassed', async () => {
    const other = new Response('text', { status: 201, headers: { a: '1' } });
    const copy = new Response(other.body, other);
    expect([copy.status, copy.headers.get('a'), await copy.text()]).toEqual([201, '1', 'text']);
    class Page extends Response {
      readonly mine = true;
    }
    const page = new Page('page', { status: 202 });
    expect([page.mine, page.status, page instanceof Response, await page.text()]).toEqual([
      true,
      202,
      true,
      'page',
    ]);
  });

  it('has the name, the arity and the static functions of the native one', () => {
    expect([Response.name, Response.length, Response.json.name, Response.json.length]).toEqual([
      NativeResponse.name,
      NativeResponse.length,
      nativeJson.name.replace('bound ', ''),
      nativeJson.length,
    ]);
    expect(Response.redirect('http://a.test/').status).toBe(302);
    expect(Response.error().type).toBe('error');
    expect(Object.prototype.toString.call(new Response(''))).toBe('[object Response]');
    expect(() => Reflect.apply(Response as unknown as () => unknown, undefined, [])).toThrow(TypeError);
  });
});

const signal = new AbortController().signal;
const rawOf = (
  method: string,
  target = '/a?b=1',
  body = '',
  headers = ['Host', 'shop.test', 'A', '1', 'a', '2'],
) => ({
  method,
  target,
  headers,
  body: Buffer.from(body),
});

describe('a lazy Request', () => {
  it.each(['GET', 'HEAD', 'POST', 'DELETE', 'PATCH', 'PROPFIND'])(
    'for %s equals a native one',
    async (method) => {
      const raw = rawOf(method, '/a?b=1', '{"c":1}');
      const hasBody = method !== 'GET' && method !== 'HEAD';
      const native = new NativeRequest(
        'http://shop.test/a?b=1',
        hasBody ? { method, body: raw.body } : { method },
      );
      for (const [name, value] of [
        ['Host', 'shop.test'],
        ['A', '1'],
        ['a', '2'],
      ] as const)
        native.headers.append(name, value);
      const ours = toFetchRequest(raw, signal);
      expect(ours).toBeInstanceOf(Request);
      expect(ours).toBeInstanceOf(NativeRequest);
      expect(ours.constructor).toBe(Request);
      expect(ours.signal).toBe(signal);
      expect(membersOf(ours, NativeRequest.prototype)).toEqual(membersOf(native, NativeRequest.prototype));
      expect([...ours.headers]).toEqual([...native.headers]);
      expect(inspect(ours)).toContain("url: 'http://shop.test/a?b=1'");
      const read = [await ours.clone().text(), await ours.clone().bytes(), await ours.text(), ours.bodyUsed];
      expect(read).toEqual([
        await native.clone().text(),
        await native.clone().bytes(),
        await native.text(),
        native.bodyUsed,
      ]);
    },
  );

  it('equals a native one in whatever order its members are used', async () => {
    const acts: Record<string, (request: Request) => unknown> = {
      text: (request) => request.text(),
      json: (request) => request.json(),
      bytes: (request) => request.bytes(),
      arrayBuffer: (request) => request.arrayBuffer(),
      transferred: async (request) => {
        const buffer = await request.arrayBuffer();
        return structuredClone(buffer, { transfer: [buffer] });
      },
      blob: async (request) => (await request.blob()).text(),
      formData: async (request) => [...(await request.formData()).entries()],
      clone: (request) => request.clone().text(),
      copy: (request) => new Request(request).text(),
      bodyUsed: (request) => request.bodyUsed,
      body: (request) => request.body?.constructor.name,
      locked: (request) => request.body?.locked,
      read: (request) => request.body?.getReader().read(),
      set: (request) => request.headers.set('content-type', 'application/x-www-form-urlencoded'),
      append: (request) => request.headers.append('x', 'more'),
      remove: (request) => request.headers.delete('x'),
      headers: (request) => [...request.headers],
      cloned: (request) => [...request.clone().headers],
    };
    const given = fc.record({
      method: fc.constantFrom('GET', 'POST', 'DELETE'),
      body: fc.constantFrom('', '{"a":1}', 'a=1&b=2', '\ufeff{"a":2}', 'gr\u00fc\u00df'),
      order: fc.array(fc.constantFrom(...Object.keys(acts)), { minLength: 1, maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(given, async ({ method, body, order }) => {
        const raw = rawOf(method, '/a', body, ['Host', 'shop.test', 'X', '1', 'x', '2']);
        const hasBody = method !== 'GET' && body !== '';
        const native = new NativeRequest(
          'http://shop.test/a',
          hasBody ? { method, body: raw.body } : { method },
        );
        for (const [name, value] of [
          ['host', 'shop.test'],
          ['x', '1'],
          ['x', '2'],
        ] as const)
          native.headers.append(name, value);
        const ours = toFetchRequest(raw, signal);
        const seen = async (request: Request): Promise<unknown[]> => {
          const all: unknown[] = [];
          for (const name of order) {
            const act = acts[name];
            all.push(await (async () => act?.(request))().catch((error: unknown) => String(error)));
          }
          return all;
        };
        expect(await seen(ours)).toEqual(await seen(native));
      }),
      { numRuns: 1000 },
    );
  });

  it('has the URL that the URL Standard makes from its target', () => {
    const target = fc.oneof(
      fc.webPath(),
      fc.tuple(fc.webPath(), fc.webQueryParameters()).map(([path, query]) => `${path}?${query}`),
      fc.string({ unit: fc.constantFrom(...`/.%2eE?#&=\\'"<>{}|^\`~a:@!$()*+,;[]- `.split('')) }),
      fc.string({ unit: 'binary-ascii' }),
    );
    fc.assert(
      fc.property(target, (text) => {
        const path = `/${text}`;
        expect(toFetchRequest(rawOf('GET', path), signal).url).toBe(
          new NativeRequest(`http://shop.test${path}`).url,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    'Shop.TEST',
    'shop.test:80',
    'shop.test:81',
    '127.1',
    '[::0:1]:5000',
    'xn--bcher-kva.test',
    'a%2eb',
  ])('has for Host %s the origin that the URL Standard makes from it', (host) => {
    const { url } = toFetchRequest(rawOf('GET', '/a', '', ['host', host]), signal);
    expect(url).toBe(new NativeRequest(`http://${host}/a`).url);
  });

  it('can be sent on and copied', async () => {
    const url = await serve((request, response) => {
      response.setHeader('x-method', request.method ?? '').setHeader('x-a', request.headers['a'] ?? '');
      request.pipe(response);
    });
    const { host } = new URL(url);
    const given = () => toFetchRequest(rawOf('POST', '/b', 'body', ['Host', host, 'A', '1']), signal);
    const changed = given();
    changed.headers.set('a', '3');
    const answers = await Promise.all([
      fetch(given()),
      fetch(new Request(given())),
      fetch(new Request(`${url}/c`, given())),
      fetch(new Request(given(), { headers: { a: '2' } })),
      fetch(changed),
    ]);
    const seen = await Promise.all(
      answers.map(async (answer) => [
        answer.headers.get('x-method'),
        answer.headers.get('x-a'),
        await answer.text(),
      ]),
    );
    expect(seen).toEqual([
      ['POST', '1', 'body'],
      ['POST', '1', 'body'],
      ['POST', '1', 'body'],
      ['POST', '2', 'body'],
      ['POST', '3', 'body'],
    ]);
  });

  it('leaves errors of other requests to the native constructor', async () => {
    expect(outcome(() => Reflect.construct(Request, []))).toEqual(
      outcome(() => Reflect.construct(NativeRequest, [])),
    );
    expect(outcome(() => new Request('no url'))).toEqual(outcome(() => new NativeRequest('no url')));
    await expect(fetch('no url')).rejects.toThrow('Failed to parse URL');
    class Mine extends Request {}
    expect(new Mine(toFetchRequest(rawOf('GET'), signal))).toBeInstanceOf(Mine);
    expect([Request.name, Request.length, fetch.name, fetch.length]).toEqual([
      'Request',
      NativeRequest.length,
      'fetch',
      nativeFetch.length,
    ]);
  });
});
