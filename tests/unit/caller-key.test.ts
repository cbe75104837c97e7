import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identityOf, parseCallerKey } from '../../gateway/caller/caller-key.ts';
import { Callers } from '../../gateway/caller/callers.ts';
import { HashKeyError } from '../../gateway/request/hash-key.ts';
import { idempotencyKeyOf } from '../../gateway/request/idempotency-key.ts';

const usual = 'header:authorization,header:x-api-key,header:cookie';

function identity(setting: string, headers: readonly string[], target = '/', ip = '192.0.2.7') {
  return identityOf(parseCallerKey(setting), { target, headers, ip });
}

describe('CALLER_KEY', () => {
  it('has the syntax of HASH_KEY', () => {
    expect(parseCallerKey('header:Authorization, cookie:Session,query:user,ip')).toEqual([
      { kind: 'header', name: 'authorization' },
      { kind: 'cookie', name: 'Session' },
      { kind: 'query', name: 'user' },
      { kind: 'ip' },
    ]);
    expect(() => parseCallerKey('header:')).toThrow(HashKeyError);
  });

  it.each([
    ['path', '"path" does not tell callers apart: any caller can send the same path'],
    ['header:authorization,random', '"random" does not tell callers apart: it is different for each request'],
  ])('%s is refused, and the error says why and which sources are allowed', (setting, why) => {
    const right = 'sources are header:<name>, cookie:<name>, query:<name>, ip';
    expect(() => parseCallerKey(setting)).toThrow(`${why}; ${right}`);
    expect(() => parseCallerKey(setting)).toThrow(HashKeyError);
  });
});

describe('the identity of a caller', () => {
  it('consists of all its header fields, and of the Cookie field only if there is no other', () => {
    const all = ['Authorization', 'a', 'X-Api-Key', 'k', 'Cookie', 'c=1'];
    expect(identity(usual, all)).toEqual({
      parts: [
        ['header', 'authorization', 'a'],
        ['header', 'x-api-key', 'k'],
      ],
      byHeader: true,
    });
    expect(identity(usual, all.slice(4))).toEqual({ parts: [['header', 'cookie', 'c=1']], byHeader: false });
    expect(identity(usual, ['X-Other', 'o'])).toEqual({ parts: [], byHeader: false });
  });

  it.each([
    [
      'header:cookie,header:authorization',
      ['Cookie', 'c=1', 'Authorization', 'a'],
      [['header', 'authorization', 'a']],
    ],
    [
      'ip,header:cookie',
      ['Cookie', 'c=1'],
      [
        ['ip', '', '192.0.2.7'],
        ['header', 'cookie', 'c=1'],
      ],
    ],
    ['cookie:s,header:cookie', ['Cookie', 'c=1; s=2'], [['cookie', 's', '2']]],
    [
      'cookie:s,header:authorization',
      ['Cookie', 's=2', 'Authorization', 'a'],
      [
        ['cookie', 's', '2'],
        ['header', 'authorization', 'a'],
      ],
    ],
    ['query:user', [], [['query', 'user', 'ann']]],
  ])('with CALLER_KEY %s and the headers %j has the right parts', (setting, headers, parts) => {
    expect(identity(setting, headers, '/?user=ann').parts).toEqual(parts);
  });

  it('has all values of a source, since the application may read another than the first', () => {
    expect(identity(usual, ['Authorization', 'a', 'authorization', 'b']).parts).toEqual([
      ['header', 'authorization', 'a', 'b'],
    ]);
    expect(identity(usual, ['Cookie', 'a=1', 'Cookie', 'b=2']).parts).toEqual([
      ['header', 'cookie', 'a=1', 'b=2'],
    ]);
    expect(identity('cookie:s', ['Cookie', 's=1; t=0; s=2', 'Cookie', 's=3']).parts).toEqual([
      ['cookie', 's', '1', '2', '3'],
    ]);
    expect(identity('query:u', [], '/?u=1&u=2').parts).toEqual([['query', 'u', '1', '2']]);
  });

  it('has no empty values', () => {
    expect(identity(`${usual},cookie:s,query:u`, ['Authorization', '', 'Cookie', 's='], '/?u=', '')).toEqual({
      parts: [['header', 'cookie', 's=']],
      byHeader: false,
    });
  });
});

describe('the digest of a caller', () => {
  const callers = new Callers(parseCallerKey(usual), { key: Buffer.alloc(32, 1) }, undefined);
  const others = new Callers(parseCallerKey(usual), { key: Buffer.alloc(32, 2) }, undefined);
  const of = (headers: readonly string[], all = callers) => all.of({ target: '/', headers, ip: '' });
  const value = fc.string({ unit: 'binary-ascii', minLength: 1 });
  const fields = fc.array(fc.tuple(fc.constantFrom('Authorization', 'X-Api-Key', 'Cookie'), value), {
    maxLength: 4,
  });

  it('is the same only for the same identity, and depends on the secret key', () => {
    fc.assert(
      fc.property(fields, fields, (one, other) => {
        const [first, second] = [one.flat(), other.flat()];
        const same = JSON.stringify(identity(usual, first)) === JSON.stringify(identity(usual, second));
        expect(of(first).digest === of(second).digest).toBe(same);
        expect(of(first).digest).not.toBe(of(first, others).digest);
      }),
    );
  });

  it('is the same for all anonymous callers, who cannot claim a request for themselves', () => {
    expect(of([])).toEqual(of(['X-Other', 'o']));
    expect(of([]).alone).toBe(false);
    expect(of(['Cookie', 'c']).alone).toBe(false);
    expect(of(['X-Api-Key', 'k']).alone).toBe(true);
  });

  it('is not computed for a request without an idempotency key', () => {
    const request = { method: 'POST', target: '/', headers: ['Authorization', 'a'], body: Buffer.alloc(0) };
    const owner = () => {
      throw new Error('computed');
    };
    expect(idempotencyKeyOf(request, owner)).toBeUndefined();
    const keyed = { ...request, headers: [...request.headers, 'Idempotency-Key', 'k'] };
    expect(() => idempotencyKeyOf(keyed, owner)).toThrow('computed');
  });
});
