import { describe, expect, it } from 'vitest';
import type { HttpRequest } from '#shared/contract/http.ts';
import type { UpstreamHeadRules } from '../../worker/handlers/upstream-head.ts';
import { upstreamHead } from '../../worker/handlers/upstream-head.ts';
import { valuesOf } from '../fixtures/request-heads.ts';

const usual: UpstreamHeadRules = { authority: 'up.test:8080', host: 'client', forwarded: 'both' };

function head(
  headers: readonly string[],
  rules: Partial<UpstreamHeadRules> = {},
  request: Partial<HttpRequest> = {},
): string[] {
  const context = {
    replica: 'S2',
    requestId: 'r-1',
    attempt: 3,
    deadline: Date.now() + 5000,
    signal: new AbortController().signal,
  };
  const whole = { method: 'GET', target: '/', headers, body: Buffer.alloc(0), ...request };
  return upstreamHead(whole, context, { ...usual, ...rules }, 'keep-alive');
}

const ringpostFields = ['Ringpost-Request', 'r-1', 'Ringpost-Replica', 'S2', 'Ringpost-Attempt', '3'];
const forwarded = 'for=192.0.2.7;host="shop.test:80";proto=http';
const client = ['Host', 'shop.test:80', 'X-A', '1', 'Via', '1.1 ringpost', 'Forwarded', forwarded];

describe('the head that an upstream gets', () => {
  it('has the fields of the client, and those that name the request and the replica', () => {
    const derived = ['X-Forwarded-For', '192.0.2.7', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host'];
    const all = [...client, 'Connection', 'keep-alive', ...ringpostFields, ...derived, 'shop.test:80'];
    expect(head(client)).toEqual(all);
    const standard = [...client, 'Connection', 'keep-alive', ...ringpostFields];
    expect(head(client, { forwarded: 'standard' })).toEqual(standard);
    expect(head(client, { forwarded: 'none' })).toEqual([...client.slice(0, 6), ...standard.slice(8)]);
  });

  it('has the Host of the upstream if the client sent none, or if the setting says so', () => {
    expect(head(['X-A', '1']).slice(0, 4)).toEqual(['Host', 'up.test:8080', 'X-A', '1']);
    const own = head(client, { host: 'upstream' });
    expect(own.slice(0, 4)).toEqual(['Host', 'up.test:8080', 'X-A', '1']);
    expect(valuesOf(own, 'host')).toHaveLength(1);
    expect(valuesOf(own, 'x-forwarded-host')).toEqual(['shop.test:80']);
  });

  it.each([
    'Ringpost-Request',
    'ringpost-REPLICA',
    'Ringpost-Attempt',
    'ringpost_replica',
    'RINGPOST_attempt',
  ])("has no %s except ringpost's own", (name) => {
    expect(head([...client, name, 'forged'])).toEqual(head(client));
  });

  it.each([
    [{ body: Buffer.from('abc') }, [], ['Content-Length', '3']],
    [{ body: Buffer.from('abc') }, ['Content-Length', '3'], ['Content-Length', '3']],
    [{}, [], []],
    [{}, ['Content-Length', '0'], ['Content-Length', '0']],
    [{ emptyChunked: true as const }, [], ['Transfer-Encoding', 'chunked']],
  ])('has the right framing for the body: case %#', (request, sent, framing) => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const fields = head(['Host', 'a', ...sent], {}, { method, ...request });
      expect(fields.slice(2, 4 + framing.length)).toEqual(['Connection', 'keep-alive', ...framing]);
      expect(valuesOf(fields, 'content-length').length + valuesOf(fields, 'transfer-encoding').length).toBe(
        framing.length / 2,
      );
    }
  });

  it.each([
    ['for="[2001:db8::1]";host="a\\"b\\\\c";proto=https', '2001:db8::1', 'https', 'a"b\\c'],
    ['for=unknown;proto=http', 'unknown', 'http', undefined],
    ['for=192.0.2.7;host="a;proto=https";proto=http', '192.0.2.7', 'http', 'a;proto=https'],
  ])("has X-Forwarded-* fields made from the gateway's Forwarded: %s", (field, address, proto, host) => {
    const fields = head(['Forwarded', 'for=of-a-proxy', 'Forwarded', field]);
    expect(valuesOf(fields, 'x-forwarded-for')).toEqual([address]);
    expect(valuesOf(fields, 'x-forwarded-proto')).toEqual([proto]);
    expect(valuesOf(fields, 'x-forwarded-host')).toEqual(host === undefined ? [] : [host]);
  });

  it('keeps the fields of a trusted proxy, or none of them if the setting is none', () => {
    const proxied = [
      'X-Forwarded-For',
      '198.51.100.1, 10.0.0.1',
      'X-Forwarded-Proto',
      'https',
      'X-Real-IP',
      'x',
    ];
    const both = head([...client, ...proxied]);
    expect(valuesOf(both, 'x-forwarded-for')).toEqual(['198.51.100.1, 10.0.0.1']);
    expect(valuesOf(both, 'x-forwarded-proto')).toEqual(['https']);
    expect(valuesOf(both, 'x-forwarded-host')).toEqual(['shop.test:80']);
    expect(
      valuesOf(head([...client, ...proxied], { forwarded: 'standard' }), 'x-forwarded-for'),
    ).toHaveLength(1);
    expect(head([...client, ...proxied], { forwarded: 'none' })).toEqual(head(client, { forwarded: 'none' }));
  });
});
