import { describe, expect, it } from 'vitest';
import { isHost } from '../../gateway/edge/host.ts';
import { authorityOf, originForm, targetFault } from '../../gateway/edge/request-target.ts';

describe('a target', () => {
  it.each([
    ['GET', '/', '/', undefined],
    ['GET', '//a/../b;c?', '//a/../b;c?', undefined],
    ['GET', '/http://a/b', '/http://a/b', undefined],
    ['OPTIONS', '*', '*', undefined],
    ['GET', 'http://a', '/', 'a'],
    ['OPTIONS', 'http://a:80', '*', 'a:80'],
    ['OPTIONS', 'http://a/', '/', 'a'],
    ['OPTIONS', 'http://a?b', '/?b', 'a'],
    ['GET', 'HTTP://A:80/b//c?d=http://e/f', '/b//c?d=http://e/f', 'A:80'],
    ['GET', 'http://a?b=/c', '/?b=/c', 'a'],
    ['GET', 'https://[::1]:80/b', '/b', '[::1]:80'],
  ])('%s %s is %s in origin form, and its authority is %s', (method, target, origin, authority) => {
    expect(originForm(method, target)).toBe(origin);
    expect(authorityOf(target)).toBe(authority);
    expect(targetFault(method, target)).toBeUndefined();
  });

  it.each([
    ['/a#b', 'fragment'],
    ['/a?b#', 'fragment'],
    ['http://a#b', 'fragment'],
    ['*', 'OPTIONS'],
    ['http://user@a/b', 'user information'],
    ['http://user:password@a/b', 'user information'],
    ['ftp://a/b', 'scheme ftp'],
    ['ws://a/b', 'scheme ws'],
    ['a:80', 'a path'],
    ['urn:a', 'a path'],
    ['http:/a', 'a path'],
    ['http:///a', 'invalid host'],
    ['http://:80/a', 'invalid host'],
    ['http://a:x/', 'invalid host'],
    ['http://a b/', 'invalid host'],
    ['', 'a path'],
  ])('%s is refused for GET, with the reason: %s', (target, reason) => {
    expect(targetFault('GET', target)).toContain(reason);
  });
});

describe('a host', () => {
  it.each([
    'a',
    'A.test',
    'a_b',
    'a-b:80',
    'a:',
    'a:65535',
    '127.0.0.1:5000',
    "a!$&'()*+,;=~",
    '%C3%BC.test',
    '[::1]',
    '[::1]:80',
    '[2001:DB8::1]:',
    '[::ffff:192.0.2.1]',
    '[v1.a:b]',
  ])('may be %s', (text) => {
    expect(isHost(text)).toBe(true);
  });

  it.each([
    '',
    ':80',
    'a b',
    ' a',
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'a\\b',
    'a"b',
    'a<b',
    'ü',
    '\xfc',
    'a%',
    'a%zz',
    'a:b',
    'a:80:80',
    'a:65536',
    'a:123456',
    'a:-1',
    '::1',
    '[',
    '[]',
    '[::1',
    '[::1]a',
    '[::1%25eth0]',
    '[::1%eth0]',
    '[127.0.0.1]',
    '[v1.]',
    '[a]',
    'a[::1]',
    'a, b',
    'a\t',
  ])('may not be %j', (text) => {
    expect(isHost(text)).toBe(false);
  });
});
