import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { METHODS } from 'node:http';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { headerValue } from '#shared/contract/headers.ts';
import { ask, speak } from '../fixtures/raw-http.ts';
import type { RawAnswer, RawRequest } from '../fixtures/raw-http.ts';
import { recordingUpstream } from '../fixtures/recording-upstream.ts';
import type { Recorded, RecordingUpstream } from '../fixtures/recording-upstream.ts';
import { useSystem } from '../fixtures/system.ts';

const system = useSystem();

/** A system of one replica in front of a server that records, both for this test alone. */
async function proxied(): Promise<{ url: string; upstream: RecordingUpstream }> {
  const upstream = await recordingUpstream();
  const { url } = await system().start({ REPLICAS: '1', UPSTREAM: upstream.url });
  return { url, upstream };
}

const digest = (bytes: Uint8Array): string =>
  `${bytes.length} bytes, ${createHash('sha1').update(bytes).digest('hex')}`;

/** Names and values in turn as pairs, without those names. */
function pairs(raw: readonly string[], without: readonly string[]): [string, string][] {
  const kept: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name = '', value = ''] = raw.slice(i, i + 2);
    if (!without.includes(name.toLowerCase())) kept.push([name, value]);
  }
  return kept;
}

const framing = ['connection', 'keep-alive', 'transfer-encoding'];
/** What the gateway and the worker add to a request. */
const added = [
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'ringpost-request',
  'ringpost-replica',
  'ringpost-attempt',
];

/** What must be the same at the upstream, by whichever way the request came. */
function received({ method, url, headers, body, trailers }: Recorded): unknown {
  // How a body is framed is each hop's own affair; that it is whole is seen in the body.
  const own = pairs(headers, [...framing, 'content-length', ...added]);
  return { method, url, headers: own, body: digest(body), trailers };
}

/** What must be the same at the client, by whichever way the answer came. */
function answered({ status, headers, body }: RawAnswer, lengthGiven: boolean): unknown {
  const not = ['ringpost-replica', 'ringpost-request', 'date', ...framing];
  return {
    status,
    headers: pairs(headers, lengthGiven ? not : [...not, 'content-length']),
    body: digest(body),
  };
}

/** Asks the upstream by way of the gateway and by itself. @returns both ways' end results, in that order. */
async function bothWays(url: string, upstream: RecordingUpstream, request: RawRequest): Promise<unknown[]> {
  const host = ['Host', 'shop.test:8080', ...(request.headers ?? [])];
  const through = await ask(url, { ...request, headers: host });
  const direct = await ask(upstream.url, { ...request, headers: host });
  const [first, second, ...more] = upstream.got.splice(0).map(received);
  expect([first, second, more], 'each way brings one request').toEqual([
    expect.anything(),
    expect.anything(),
    [],
  ]);
  const lengthGiven = headerValue(direct.headers, 'content-length') !== undefined;
  return [
    [first, answered(through, lengthGiven)],
    [second, answered(direct, lengthGiven)],
  ];
}

const chars = (...ranges: [number, number][]) =>
  fc.oneof(...ranges.map(([min, max]) => fc.integer({ min, max }))).map((code) => String.fromCharCode(code));

const odd = fc.constantFrom('/', '//', '/../', '/./', ';', '?', '??', '%zz', '%', '%00', '%2F', '&', '=');
const target = fc
  .array(fc.oneof(odd, chars([0x21, 0x7e])), { maxLength: 40 })
  .map((parts) => `/${parts.join('').replaceAll('#', '')}`)
  // The gateway's own; `/rep` and its kind are too long to come up by chance.
  .filter((path) => !path.startsWith('/-/'));

const token = fc.string({
  unit: fc.constantFrom(...'abcXYZ019-_.!~*'.split('')),
  minLength: 1,
  maxLength: 12,
});
const value = fc
  .oneof(
    { weight: 6, arbitrary: fc.string({ unit: chars([0x20, 0x7e], [0x80, 0xff], [9, 9]), maxLength: 60 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 20 }).map(utf8) },
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.constant('v'.repeat(8192)) },
  )
  .map((text) => text.replaceAll(/^[\t ]+|[\t ]+$/g, ''));

/** The text's UTF-8 bytes as node:http has them, without those that no header may have. */
function utf8(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replaceAll(/[^ -~\u0080-\u00ff]/g, '');
}

const headers = (known: string[]) =>
  fc
    .array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom(...known),
          token.map((name) => `X-${name}`),
        ),
        value,
      ),
      {
        maxLength: 6,
      },
    )
    .map((all) => all.flat());

const limit = 1024 * 1024;
const body = fc.oneof(
  { weight: 2, arbitrary: fc.constant(Buffer.alloc(0)) },
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }).map((text) => Buffer.from(text)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 60_000, max: limit }), fc.integer({ min: 1, max: 255 }))
      .map(([size, step]) =>
        Object.assign(
          Buffer.alloc(
            size,
            Uint8Array.from({ length: 256 }, (_, i) => i * step),
          ),
          {
            [fc.toStringMethod]: () => `${size} bytes in steps of ${step}`,
          },
        ),
      ),
  },
);

const request = fc.record({
  method: fc.constantFrom(...METHODS.filter((method) => method !== 'CONNECT')),
  target,
  headers: headers([
    'Cookie',
    'cookie',
    'Accept',
    'ACCEPT-encoding',
    'Range',
    'If-None-Match',
    'Authorization',
  ]),
  body: fc.option(body, { nil: undefined }),
  chunk: fc.option(fc.integer({ min: 1000, max: 100_000 }), { freq: 4, nil: undefined }),
});

const answer = fc
  .record({
    status: fc.oneof(fc.constantFrom(200, 204, 205, 304, 302), fc.integer({ min: 200, max: 599 })),
    headers: headers(['Set-Cookie', 'set-cookie', 'ETag', 'Server', 'Content-Type', 'Location', 'VARY']),
    body,
    counted: fc.boolean(),
  })
  .map(({ status, headers: own, body: full, counted }) => {
    const empty = status === 204 || status === 205 || status === 304;
    const bytes = empty ? Buffer.alloc(0) : full;
    const length = counted && status !== 204 ? ['Content-Length', String(bytes.length)] : [];
    return { status, headers: [...own, ...length], body: bytes };
  });

describe('what goes through the gateway', () => {
  it('is, both ways, what it is without it, whatever is asked and answered', async () => {
    const { url, upstream } = await proxied();
    // To repeat a failure: FC_SEED, as the failure names it.
    const seed = process.env['FC_SEED'];
    await fc.assert(
      fc.asyncProperty(request, answer, async (asked, told) => {
        upstream.got.length = 0;
        upstream.answer = told;
        const [through, direct] = await bothWays(url, upstream, asked);
        expect(through).toEqual(direct);
      }),
      { numRuns: 150, ...(seed === undefined ? {} : { seed: Number(seed) }) },
    );
  });

  it('has every odd target as it was, byte for byte', async () => {
    const { url, upstream } = await proxied();
    const odds =
      '/ /? // //a /a/../b /./ /%zz /% /%00 /%2F%2f /a;b=c?d;e /?a?b&&== /"<>\\^`{|} ' +
      "/'()*!$,:@~ /rep/ /REP /- /-x/live //-/live";
    const targets = [...odds.split(' '), `/${'x'.repeat(8000)}`];
    for (const each of targets) await ask(url, { target: each });
    expect(upstream.got.map((got) => got.url)).toEqual(targets);
  });

  it('has repeated cookies both ways, each on its own and in its order', async () => {
    const { url, upstream } = await proxied();
    const set = ['Set-Cookie', 'a=1; Path=/', 'set-cookie', 'b="2, 3"', 'Set-Cookie', 'a=1; Path=/'];
    const sent = ['Cookie', 'a=1', 'Cookie', 'b=2; c=3'];
    upstream.answer = { headers: set };
    const { headers: raw } = await ask(url, { headers: sent });
    expect(pairs(raw, []).flat().slice(0, 6)).toEqual(set);
    expect(pairs(upstream.got[0]?.headers ?? [], ['host', ...framing, ...added]).flat()).toEqual(sent);
  });

  it('has Via, Forwarded and Host, and the request by HTTP/1.0 is served', async () => {
    const { url, upstream } = await proxied();
    await ask(url, { headers: ['Host', 'shop.test', 'Via', '1.0 fred'] });
    const old = await speak(url, 'GET /old HTTP/1.0\r\n\r\n');
    expect(await old.ended).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    const values = (at: number, name: string): string[] =>
      pairs(upstream.got[at]?.headers ?? [], [])
        .filter(([each]) => each.toLowerCase() === name)
        .map(([, text]) => text);
    expect(values(0, 'via')).toEqual(['1.0 fred', '1.1 ringpost']);
    expect(values(0, 'forwarded')).toEqual(['for=127.0.0.1;host="shop.test";proto=http']);
    expect(values(0, 'host')).toEqual(['shop.test']);
    expect(values(1, 'via')).toEqual(['1.0 ringpost']);
    expect(values(1, 'forwarded')).toEqual(['for=127.0.0.1;proto=http']);
  });

  it('is the path alone where the target is absolute, as to a proxy', async () => {
    const { url, upstream } = await proxied();
    const { headers: raw } = await ask(url, { target: 'http://shop.test/a//b?c' });
    expect(headerValue(raw, 'ringpost-replica')).toBe('S1');
    expect(upstream.got.map((got) => got.url)).toEqual(['/a//b?c']);
  });
});

describe('an answer through the gateway', () => {
  it('keeps to HEAD, 204, 205 and 304 their lengths and validators, and a redirect its place', async () => {
    const { url, upstream } = await proxied();
    const validators = ['ETag', 'W/"a"', 'Last-Modified', 'Wed, 21 Oct 2015 07:28:00 GMT'];
    const cases: [string, number, string[], number | undefined][] = [
      ['HEAD', 200, ['Content-Length', '12345'], 12345],
      ['HEAD', 200, [], undefined],
      ['HEAD', 404, ['Content-Length', '7'], 7],
      ['GET', 204, validators, undefined],
      ['HEAD', 204, validators, undefined],
      ['POST', 205, ['Content-Length', '0'], 0],
      ['GET', 304, validators, undefined],
      ['GET', 304, [...validators, 'Content-Length', '999'], 999],
      ['HEAD', 304, validators, undefined],
      ['POST', 303, ['Location', '/else?a=%zz', 'Content-Length', '0'], 0],
      ['GET', 301, ['Location', 'http://other.test/', 'Content-Length', '0'], 0],
    ];
    for (const [method, status, own, length] of cases) {
      upstream.answer = { status, headers: own };
      const got = await ask(url, { method });
      const of = `${method} ${status}`;
      expect([got.status, got.body.length], `of ${of}`).toEqual([status, 0]);
      expect(headerValue(got.headers, 'content-length'), `of ${of}`).toBe(
        length === undefined ? undefined : `${length}`,
      );
      expect(headerValue(got.headers, 'transfer-encoding'), `of ${of}`).toBeUndefined();
      expect(got.headers.slice(0, own.length), `of ${of}`).toEqual(own);
    }
    expect(upstream.got).toHaveLength(cases.length);
  });

  it('keeps gzip as it is, may have megabytes and every byte, and loses its trailers', async () => {
    const { url, upstream } = await proxied();
    const packed = gzipSync('x'.repeat(10_000));
    upstream.answer = { headers: ['Content-Encoding', 'gzip'], body: packed };
    const zipped = await ask(url, { headers: ['Accept-Encoding', 'gzip'] });
    expect(headerValue(zipped.headers, 'content-encoding')).toBe('gzip');
    expect(zipped.body).toEqual(packed);

    for (const size of [65_535, 65_536, 65_537, 5_000_000]) {
      const large = Buffer.alloc(
        size,
        Uint8Array.from({ length: 256 }, (_, i) => 255 - i),
      );
      upstream.answer = { body: large };
      const got = await ask(url);
      expect(digest(got.body)).toBe(digest(large));
      expect(headerValue(got.headers, 'content-length')).toBe(String(size));
    }

    upstream.answer = {
      headers: ['Trailer', 'X-Sum', 'Transfer-Encoding', 'chunked'],
      body: packed,
      trailers: [['X-Sum', '1']],
    };
    expect((await ask(upstream.url)).trailers).toEqual(['X-Sum', '1']);
    const got = await ask(url);
    expect(got.trailers).toEqual([]);
    expect(headerValue(got.headers, 'trailer')).toBeUndefined();
    expect(got.body).toEqual(packed);
  });

  it('may have a head of 60 KB', async () => {
    const { url, upstream } = await proxied();
    const own = Array.from({ length: 60 }, (_, i) => [`X-${i}`, 'v'.repeat(1000)]).flat();
    upstream.answer = { headers: own };
    const got = await ask(url);
    expect([got.status, got.headers.slice(0, own.length)]).toEqual([200, own]);
  });

  it('comes alone, without the informational ones before it', async () => {
    const { url, upstream } = await proxied();
    upstream.answer = (_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('final');
    };
    const { ended } = await speak(url, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await ended).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nfinal$/);
  });

  it('comes to each of the requests that a client has sent at once, in their order', async () => {
    const { url, upstream } = await proxied();
    const waiting: [string, ServerResponse][] = [];
    upstream.answer = (got, response) => {
      waiting.push([got.url, response]);
      // The later ones are answered first.
      if (waiting.length === 3) for (const [each, held] of waiting.toReversed()) held.end(each);
    };
    const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
    const { ended } = await speak(url, get('/1') + get('/2') + get('/3', 'Connection: close\r\n'));
    const bodies = (await ended).match(/\r\n\r\n\/\d/g)?.map((each) => each.slice(4));
    expect(bodies).toEqual(['/1', '/2', '/3']);
  });
});
