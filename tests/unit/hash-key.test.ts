import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HashKeyError, parseHashKey, randomKey, selectHashKey } from '../../gateway/request/hash-key.ts';
import type { KeyedRequest } from '../../gateway/request/hash-key.ts';

const random = (): string => '123456';

/** @returns the key that the setting selects. */
function select(setting: string, request: Partial<KeyedRequest> = {}): string | undefined {
  const whole = { target: '/a?b=c', headers: [], ip: '192.0.2.7', ...request };
  return selectHashKey(parseHashKey(setting), whole, random);
}

const cookie = (...values: string[]): Partial<KeyedRequest> => ({
  headers: values.flatMap((value) => ['Cookie', value]),
});

describe('HASH_KEY', () => {
  it('names every kind of source, in its order, with spaces around commas', () => {
    const setting = 'header:Ringpost-Key, cookie:Session ,query:User id,path , ip,random';
    expect(parseHashKey(setting)).toEqual([
      { kind: 'header', name: 'ringpost-key' },
      { kind: 'cookie', name: 'Session' },
      { kind: 'query', name: 'User id' },
      { kind: 'path' },
      { kind: 'ip' },
      { kind: 'random' },
    ]);
  });

  it.each([
    ['', ''],
    ['path,', ''],
    [',path', ''],
    ['Header:x', 'Header:x'],
    ['header', 'header'],
    ['header:', 'header:'],
    ['header:a b', 'header:a b'],
    ['header:a:b', 'header:a:b'],
    ['header:é', 'header:é'],
    ['cookie:', 'cookie:'],
    ['cookie:a=b', 'cookie:a=b'],
    ['cookie:a;b', 'cookie:a;b'],
    ['query:', 'query:'],
    ['path:x', 'path:x'],
    ['Random', 'Random'],
    ['path,body,ip', 'body'],
  ])('%j is refused, and the error names the part %j and all sources', (setting, part) => {
    expect(() => parseHashKey(setting)).toThrow(HashKeyError);
    expect(() => parseHashKey(setting)).toThrow(
      `"${part}" is no source of a key; ` +
        'sources are header:<name>, cookie:<name>, query:<name>, path, ip, random',
    );
  });
});

describe('the key of a request', () => {
  it('comes from the first source that the request has', () => {
    const setting = 'header:k,cookie:k,query:k,path';
    const all = { target: '/p?k=query', headers: ['K', 'header', 'Cookie', 'k=cookie'] };
    expect(select(setting, all)).toBe('header');
    expect(select(setting, { ...all, headers: all.headers.slice(2) })).toBe('cookie');
    expect(select(setting, { ...all, headers: [] })).toBe('query');
    expect(select(setting, { target: '/p?x=1' })).toBe('/p');
    expect(select('path,header:k', all)).toBe('/p');
  });

  it('is never empty: a source with an empty value is skipped', () => {
    const empty = { target: '/?k=', headers: ['K', '', 'Cookie', 'k='], ip: '' };
    expect(select('header:k,cookie:k,query:k,ip,random', empty)).toBe('123456');
    expect(select('header:k,cookie:k,query:k,ip', empty)).toBeUndefined();
  });

  it('is missing if the request has none of the sources', () => {
    expect(select('header:k,cookie:k,query:k', { target: '/k', headers: ['x', 'k'] })).toBeUndefined();
  });

  it.each(['ringpost-key', 'Ringpost-Key', 'RINGPOST-KEY'])('comes from a header named %s', (name) => {
    expect(select('header:Ringpost-KEY', { headers: [name, 'Alice'] })).toBe('Alice');
  });

  it('is the whole value of the first of repeated headers', () => {
    expect(select('header:k', { headers: ['k', 'a, b; c', 'K', 'd'] })).toBe('a, b; c');
  });

  it.each([
    ['session=abc', 'abc'],
    ['a=1; session=abc; b=2', 'abc'],
    ['a=1;session=abc;b=2', 'abc'],
    ['  session = abc  ; b=2', 'abc'],
    ['session=a=b==', 'a=b=='],
    ['session="a b"', '"a b"'],
    ['session=a b', 'a b'],
    ['session=%20', '%20'],
    ['session=first; session=second', 'first'],
    ['xsession=no; session2=no; session=yes', 'yes'],
    ['session; =x; ;; session=abc', 'abc'],
    ['Session=abc', undefined],
    ['session', undefined],
    ['', undefined],
  ])('from the cookies %j is %j', (header, key) => {
    expect(select('cookie:session', cookie(header))).toBe(key);
  });

  it('may come from a cookie in the second of two Cookie headers', () => {
    expect(select('cookie:session', cookie('a=1', 'session=abc; b=2'))).toBe('abc');
  });

  it.each([
    ['/?user=alice', 'alice'],
    ['/a?x=1&user=alice&user=bob', 'alice'],
    ['/?user=a%20b+c', 'a b c'],
    ['/?%75ser=alice', 'alice'],
    ['/?user=%C3%A9', 'é'],
    ['/?user=%c3%A9', 'é'],
    ['/?user=\xc3\xa9', 'é'],
    ['/?user=%FC', '\udcfc'],
    ['/?%C3%BCser=no&user=yes', 'yes'],
    ['/?user=%', '%'],
    ['/?user=%zz', '%zz'],
    ['/?user=a=b', 'a=b'],
    ['/?a?user=no&user=x?y', 'x?y'],
    ['/?User=alice', undefined],
    ['/?user', undefined],
    ['/user=alice', undefined],
    ['/?', undefined],
    ['*', undefined],
  ])('from the query of %s is, decoded, %j', (target, key) => {
    expect(select('query:user', { target })).toBe(key);
  });

  it.each([
    ['/a/b?c=d', '/a/b'],
    ['/a%2fb/../c', '/a/b/../c'],
    ['/a+b%20c', '/a+b c'],
    ['/%zz%', '/%zz%'],
    ['/%C3%BC', '/ü'],
    ['/\xc3\xbc', '/ü'],
    ['/%FC', '/\udcfc'],
    ['/?', '/'],
    ['//a', '//a'],
    ['/a?b?c', '/a'],
    ['*', '*'],
  ])('from the path of %s is, decoded and without the query, %s', (target, key) => {
    expect(select('path', { target })).toBe(key);
  });

  it.each(['plain', 'ü', 'à', 'ñandú', '漢', 'a b', '100%', '\xfc'])(
    'for the bytes of %j is the same from every source',
    (key) => {
      // `\xfc` is a byte that is not UTF-8.
      const latin1 = key === '\xfc' ? key : Buffer.from(key, 'utf8').toString('latin1');
      const escaped = Array.from(
        latin1,
        (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
      ).join('');
      const expected = key === '\xfc' ? '\udcfc' : key;
      expect(select('header:k', { headers: ['k', latin1] })).toBe(expected);
      expect(select('cookie:k', { headers: ['cookie', `a=b; k=${latin1} ; c=d`] })).toBe(expected);
      expect(select('query:k', { target: `/?k=${escaped}` })).toBe(expected);
      expect(select('path', { target: `/${escaped}?k=${escaped}` })).toBe(`/${expected}`);
    },
  );

  it("comes from the client's address", () => {
    expect(select('ip', { ip: '::1' })).toBe('::1');
  });

  it('may be a random number, made for each request', () => {
    let made = 0;
    const next = (): string => String((made += 1));
    const sources = parseHashKey('header:k,random');
    const request = { target: '/', headers: [], ip: '' };
    expect([1, 2].map(() => selectHashKey(sources, request, next))).toEqual(['1', '2']);
    expect(selectHashKey(sources, { ...request, headers: ['k', 'v'] }, next)).toBe('v');
    expect(made).toBe(2);
  });
});

describe('a random key', () => {
  it('has six digits, 100000 to 999999', () => {
    expect(randomKey(() => 0)).toBe('100000');
    expect(randomKey(() => 1 - Number.EPSILON / 2)).toBe('999999');
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (value) => {
        expect(randomKey(() => value)).toMatch(/^[1-9]\d{5}$/);
      }),
    );
  });

  it('is different each time', () => {
    expect(new Set(Array.from({ length: 1000 }, () => randomKey())).size).toBeGreaterThan(900);
  });
});
