import { describe, expect, it } from 'vitest';
import type { HttpRequest } from '#shared/contract/http.ts';
import { parseHashKey } from '../../gateway/request/hash-key.ts';
import type { KeyedRequest } from '../../gateway/request/hash-key.ts';
import { isAsync } from '../../gateway/request/parsed-request.ts';
import { RequestParser } from '../../gateway/request/request-parser.ts';

const now = 1_700_000_000_000;
const ip = '192.0.2.7';

function parserWith(hashKey = 'header:ringpost-key,path', idempotencyScope: 'shared' | 'caller' = 'shared') {
  const asked: KeyedRequest[] = [];
  const parser = new RequestParser({
    hashKey: parseHashKey(hashKey),
    idempotencyScope,
    callerOf: (request) => {
      asked.push(request);
      return { digest: `of ${request.ip} ${request.headers.length}`, alone: true };
    },
  });
  return { parser, asked };
}

function post(...headers: readonly string[]): HttpRequest {
  return { method: 'POST', target: '/pay?a=1', headers, body: Buffer.from('x') };
}

describe('a request whose client waits', () => {
  it('has its hash key, redelivery, preference and directives, and nobody asks for its caller', () => {
    const { parser, asked } = parserWith();
    const request = post('Ringpost-Key', 'k', 'Prefer', 'wait=3', 'Ringpost-Attempts', '2');
    const parsed = parser.parse(request, ip, now);
    expect(parsed).toMatchObject({ ip, key: 'k', redelivery: 'never', async: undefined });
    expect(parsed.request).toBe(request);
    expect(parsed.preference).toEqual({ respondAsync: false, waitMs: 3000 });
    expect(parsed.directives).toEqual({ maxAttempts: 2 });
    expect(isAsync(parsed)).toBe(false);
    expect(asked).toEqual([]);
  });

  it('has no redelivery if its Ringpost-Retry is not valid, and no key if it has none of the sources', () => {
    const { parser } = parserWith('header:ringpost-key');
    expect(parser.parse(post('Ringpost-Retry', 'maybe'), ip, now)).toMatchObject({
      redelivery: undefined,
      key: undefined,
    });
  });

  it('has a random key by the source random, unless it is ordered', () => {
    const { parser } = parserWith('random');
    expect(parser.parse(post(), ip, now).key).toMatch(/^\d{6}$/);
    expect(parser.parse(post('Ringpost-Order', 'key'), ip, now).key).toBeUndefined();
  });

  it('may not ask for a callback', () => {
    const { parser } = parserWith();
    const request = post('Ringpost-Callback', 'https://receiver.example/');
    expect(() => parser.parse(request, ip, now)).toThrow('A callback is for async requests');
  });
});

describe('an async request', () => {
  it('by Prefer: respond-async has a caller', () => {
    const { parser, asked } = parserWith();
    const parsed = parser.parse(post('Prefer', 'respond-async'), ip, now);
    expect(isAsync(parsed)).toBe(true);
    expect(parsed.async).toEqual({
      caller: { digest: `of ${ip} 2`, alone: true },
      idempotencyKey: undefined,
    });
    expect(asked).toHaveLength(1);
  });

  it('by an Idempotency-Key has that key, whose scope has the caller in it if the setting says so', () => {
    const headers = ['Idempotency-Key', 'i'];
    const scopeOf = (scope: 'shared' | 'caller', address: string): string | undefined =>
      parserWith('path', scope).parser.parse(post(...headers), address, now).async?.idempotencyKey?.scope;
    expect(scopeOf('shared', ip)).toBe(scopeOf('shared', '192.0.2.8'));
    expect(scopeOf('caller', ip)).not.toBe(scopeOf('caller', '192.0.2.8'));
    expect(scopeOf('caller', ip)).not.toBe(scopeOf('shared', ip));
  });

  it('has another scope under another hash key, but not under another random one', () => {
    const scopeOf = (hashKey: string, key: string): string | undefined =>
      parserWith(hashKey).parser.parse(post('Idempotency-Key', 'i', 'Ringpost-Key', key), ip, now).async
        ?.idempotencyKey?.scope;
    expect(scopeOf('header:ringpost-key', 'a')).not.toBe(scopeOf('header:ringpost-key', 'b'));
    expect(scopeOf('random', 'a')).toBe(scopeOf('random', 'b'));
  });

  it('is repeatable by its key, and asks once for its caller', () => {
    const { parser, asked } = parserWith();
    const parsed = parser.parse(post('Idempotency-Key', 'i', 'Prefer', 'respond-async'), ip, now);
    expect(parsed.redelivery).toBe('safe');
    expect(parsed.async?.caller).toBe(parsed.async?.idempotencyKey?.caller);
    expect(asked).toHaveLength(1);
  });
});

describe('the request of a dead letter', () => {
  it('is async whatever it prefers, keeps its caller and its callbacks, and its delay is over', () => {
    const { parser, asked } = parserWith();
    const caller = { digest: 'first', alone: true };
    const headers = [
      'Ringpost-Delay',
      '60',
      'Ringpost-Callback',
      'https://a.example/',
      'Idempotency-Key',
      'i',
    ];
    const parsed = parser.parseAgain(post(...headers), ip, now, caller);
    expect(parsed.directives).toEqual({ callbacks: { url: 'https://a.example/' } });
    expect(parsed.async.caller).toBe(caller);
    expect(parsed.async.idempotencyKey?.caller).toBe(caller);
    expect(asked).toEqual([]);
  });

  it('has the caller that its fields tell if the letter does not know the first one', () => {
    const { parser } = parserWith();
    const { async } = parser.parseAgain(post(), ip, now, undefined);
    expect(async).toEqual({ caller: { digest: `of ${ip} 0`, alone: true }, idempotencyKey: undefined });
  });

  it('has the same scope as the first request', () => {
    const { parser } = parserWith('path', 'caller');
    const request = post('Idempotency-Key', 'i');
    const first = parser.parse(request, ip, now).async;
    const again = parser.parseAgain(request, '192.0.2.9', now, first?.caller);
    expect(again.async.idempotencyKey).toEqual(first?.idempotencyKey);
  });
});
