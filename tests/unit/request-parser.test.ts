import { describe, expect, it } from 'vitest';
import type { HttpRequest } from '#shared/contract/http.ts';
import { parseHashKey } from '../../gateway/request/hash-key.ts';
import type { KeyedRequest } from '../../gateway/request/hash-key.ts';
import { isAsync } from '../../gateway/request/parsed-request.ts';
import { RequestParser } from '../../gateway/request/request-parser.ts';

const now = 1_700_000_000_000;
const ip = '192.0.2.7';

function parserWith(hashKey = 'header:ringpost-key,path', idempotencyScope: 'shared' | 'caller' = 'shared') {
  const computed: KeyedRequest[] = [];
  const parser = new RequestParser({
    hashKey: parseHashKey(hashKey),
    idempotencyScope,
    callerOf: (request) => {
      computed.push(request);
      return { digest: `of ${request.ip} ${request.headers.length}`, alone: true };
    },
  });
  return { parser, computed };
}

function post(...headers: readonly string[]): HttpRequest {
  return { method: 'POST', target: '/pay?a=1', headers, body: Buffer.from('x') };
}

describe('a request whose client waits', () => {
  it('has its hash key, redelivery, preference and directives, and its caller is not computed', () => {
    const { parser, computed } = parserWith();
    const request = post('Ringpost-Key', 'k', 'Prefer', 'wait=3', 'Ringpost-Attempts', '2');
    const parsed = parser.parse(request, ip, now);
    expect(parsed).toMatchObject({ ip, key: 'k', redelivery: 'never', async: undefined });
    expect(parsed.request).toBe(request);
    expect(parsed.preference).toEqual({ respondAsync: false, waitMs: 3000 });
    expect(parsed.directives).toEqual({ maxAttempts: 2 });
    expect(isAsync(parsed)).toBe(false);
    expect(computed).toEqual([]);
  });

  it('has no redelivery if its Ringpost-Retry is invalid, and no key if it has none of the sources', () => {
    const { parser } = parserWith('header:ringpost-key');
    expect(parser.parse(post('Ringpost-Retry', 'maybe'), ip, now)).toMatchObject({
      redelivery: undefined,
      key: undefined,
    });
  });

  it('has a random key if the source is random, unless it is ordered', () => {
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
  it('with Prefer: respond-async has a caller', () => {
    const { parser, computed } = parserWith();
    const parsed = parser.parse(post('Prefer', 'respond-async'), ip, now);
    expect(isAsync(parsed)).toBe(true);
    expect(parsed.async).toEqual({
      caller: { digest: `of ${ip} 2`, alone: true },
      idempotencyKey: undefined,
    });
    expect(computed).toHaveLength(1);
  });

  it('with an Idempotency-Key has that key, whose scope includes the caller if the setting says so', () => {
    const headers = ['Idempotency-Key', 'i'];
    const scopeOf = (scope: 'shared' | 'caller', address: string): string | undefined =>
      parserWith('path', scope).parser.parse(post(...headers), address, now).async?.idempotencyKey?.scope;
    expect(scopeOf('shared', ip)).toBe(scopeOf('shared', '192.0.2.8'));
    expect(scopeOf('caller', ip)).not.toBe(scopeOf('caller', '192.0.2.8'));
    expect(scopeOf('caller', ip)).not.toBe(scopeOf('shared', ip));
  });

  it('has another scope with another hash key, but not with another random key', () => {
    const scopeOf = (hashKey: string, key: string): string | undefined =>
      parserWith(hashKey).parser.parse(post('Idempotency-Key', 'i', 'Ringpost-Key', key), ip, now).async
        ?.idempotencyKey?.scope;
    expect(scopeOf('header:ringpost-key', 'a')).not.toBe(scopeOf('header:ringpost-key', 'b'));
    expect(scopeOf('random', 'a')).toBe(scopeOf('random', 'b'));
  });

  it('is repeatable because of its key, and its caller is computed once', () => {
    const { parser, computed } = parserWith();
    const parsed = parser.parse(post('Idempotency-Key', 'i', 'Prefer', 'respond-async'), ip, now);
    expect(parsed.redelivery).toBe('safe');
    expect(parsed.async?.caller).toBe(parsed.async?.idempotencyKey?.caller);
    expect(computed).toHaveLength(1);
  });
});

describe('the request of a dead letter', () => {
  it('is always async, keeps its caller and its callbacks, and has no delay', () => {
    const { parser, computed } = parserWith();
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
    expect(computed).toEqual([]);
  });

  it('gets its caller from its fields if the dead letter has none', () => {
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
