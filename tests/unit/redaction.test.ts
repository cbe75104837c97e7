import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  completeTarget,
  isRedacted,
  missingParameters,
  redact,
  redactionOf,
  redactTarget,
  redactUrl,
  withoutSecretFields,
} from '#shared/contract/redaction.ts';

const usual = redactionOf(undefined, undefined);

describe('the value of a header field', () => {
  it.each([
    'authorization',
    'Proxy-Authorization',
    'COOKIE',
    'Set-Cookie',
    'x-api-key',
    'X-Auth-Token',
    'x-csrf-token',
    'X-Amz-Security-Token',
    'X-Vault-Token',
    'client-secret',
    'Ocp-Apim-Subscription-Key',
    'x_api_key',
    'apikey',
    'X-ApiKey',
    'aUTHORIZATION',
    'X-Password',
    'token',
  ])('is secret because of its name: %s', (name) => {
    expect(redact(['Host', 'h', name, 'hidden'], usual)).toEqual(['Host', 'h', name, '[redacted]']);
    expect(withoutSecretFields(['Host', 'h', name, 'hidden', 'A', 'b'], usual)).toEqual([
      'Host',
      'h',
      'A',
      'b',
    ]);
    expect(isRedacted(name, '[redacted]')).toBe(true);
  });

  it.each([
    'Idempotency-Key',
    'ringpost-key',
    'Ringpost-Release-Key',
    'authorization-hint',
    'Key',
    'X-Hub-Signature-256',
    'Webhook-Signature',
    'X-Token-Count',
    'Monkey',
  ])('is kept: %s', (name) => {
    expect(redact([name, 'shown'], usual)).toEqual([name, 'shown']);
    expect(withoutSecretFields([name, 'shown'], usual)).toEqual([name, 'shown']);
  });

  it('is secret or kept as the settings say, but credentials are never kept', () => {
    const redaction = redactionOf(' x-Mine ,key', 'tenant-key, sort_key,authorization,X-API-KEY');
    const names = ['X-Mine', 'key', 'Authorization', 'x-api-key', 'Tenant-Key', 'sort_key', 'other-key'];
    const shown = redact(
      names.flatMap((name) => [name, 'v']),
      redaction,
    ).filter((_, at) => at % 2 === 1);
    expect(shown).toEqual(['[redacted]', '[redacted]', '[redacted]', '[redacted]', 'v', 'v', '[redacted]']);
  });

  it('is kept without its user and its secrets if it is a URL', () => {
    const url = 'https://user:hidden@example.com/done?a=1&token=hidden';
    for (const name of ['Ringpost-Callback', 'ringpost-failure-callback', 'Referer', 'Location']) {
      const [, value = ''] = redact([name, url], usual);
      expect(value).toBe('https://[redacted]@example.com/done?a=1&token=[redacted]');
      expect(isRedacted(name, value)).toBe(true);
    }
    expect(redact(['Ringpost-Callback', 'https://example.com/done?a=1'], usual)[1]).toBe(
      'https://example.com/done?a=1',
    );
    // A value that equals the name of a secret field is not a secret.
    expect(redact(['x', 'cookie'], usual)).toEqual(['x', 'cookie']);
    expect(isRedacted('x', 'was [redacted]')).toBe(false);
  });
});

describe('a target', () => {
  it.each([
    ['/x', '/x'],
    ['/token=a', '/token=a'],
    ['/x?a=1&b=2', '/x?a=1&b=2'],
    ['/x?token=hidden', '/x?token=[redacted]'],
    ['/x?a=1&access_token=hidden&b=2', '/x?a=1&access_token=[redacted]&b=2'],
    ['/x?access-token=hidden', '/x?access-token=[redacted]'],
    ['/x?accessToken=hidden', '/x?accessToken=[redacted]'],
    [
      '/x?api_key=hidden&apikey=hidden&apiKey=hidden',
      '/x?api_key=[redacted]&apikey=[redacted]&apiKey=[redacted]',
    ],
    ['/x?api%5Fkey=hidden', '/x?api%5Fkey=[redacted]'],
    ['/x?%74oken=hidden', '/x?%74oken=[redacted]'],
    ['/x?user[password]=hidden', '/x?user[password]=[redacted]'],
    ['/x?client_secret=hidden=hidden', '/x?client_secret=[redacted]'],
    ['/x?a=1;token=hidden;hidden', '/x?a=1;token=[redacted]'],
    ['/x?next=/y?token=hidden', '/x?next=/y?token=[redacted]'],
    ['/x#access_token=hidden', '/x#access_token=[redacted]'],
    [
      '/x?sig=hidden&X-Amz-Signature=hidden&jwt=hidden',
      '/x?sig=[redacted]&X-Amz-Signature=[redacted]&jwt=[redacted]',
    ],
    ['/x?authorization=hidden&cookie=hidden', '/x?authorization=[redacted]&cookie=[redacted]'],
    ['/x?token=&token&key=k&monkey=m', '/x?token=&token&key=k&monkey=m'],
  ])('is kept without its secrets: %s', (target, kept) => {
    expect(redactTarget(target, usual)).toBe(kept);
  });

  it('keeps no value of a parameter with the name of a secret, whatever else it contains', () => {
    const text = fc.stringMatching(/^[a-z0-9=;?#%+./[\]]{0,12}$/);
    const name = fc.constantFrom('token', 'my_secret', 'x-api-key', 'userPassword', 'to%6Ben', 'sig');
    fc.assert(
      fc.property(fc.array(text), name, fc.array(text), (before, secret, after) => {
        const target = `/?${[...before, `${secret}=HIDDEN`, ...after].join('&')}`;
        expect(redactTarget(target, usual)).not.toContain('HIDDEN');
      }),
    );
  });

  it('gets the values that are given, and loses the parameters that are null', () => {
    const kept = '/x?token=[redacted]&a=1&user%5Bpassword%5D=[redacted]&b=[redacted]x';
    expect(missingParameters(kept)).toEqual(['token', 'user[password]']);
    expect(completeTarget(kept, {})).toBe(kept);
    expect(completeTarget(kept, { token: 'a&b', 'user[password]': 'c', a: '2' })).toBe(
      '/x?token=a%26b&a=1&user%5Bpassword%5D=c&b=[redacted]x',
    );
    expect(completeTarget(kept, { token: null, 'user[password]': null })).toBe('/x?a=1&b=[redacted]x');
    expect(completeTarget('/x?token=[redacted]', { token: null })).toBe('/x');
    expect(completeTarget('/x?a=1;token=[redacted]', { token: 'b' })).toBe('/x?a=1;token=b');
    expect(missingParameters('/x=[redacted]')).toEqual([]);
    expect(completeTarget('/x?__proto__=[redacted]', {})).toBe('/x?__proto__=[redacted]');
  });

  it('is the original again after it was redacted and completed', () => {
    const pair = fc.tuple(
      fc.constantFrom('a', 'token', 'api_key', 'b'),
      fc.stringMatching(/^[a-z0-9]{1,5}$/),
    );
    fc.assert(
      fc.property(fc.uniqueArray(pair, { selector: ([name]) => name }), (pairs) => {
        const target = `/x?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`;
        const kept = redactTarget(target, usual);
        expect(completeTarget(kept, Object.fromEntries(pairs))).toBe(target);
      }),
    );
  });
});

it.each([
  ['https://example.com/x', 'https://example.com/x'],
  ['https://user:hidden@example.com/x', 'https://[redacted]@example.com/x'],
  ['https://hidden@example.com/x?a=1', 'https://[redacted]@example.com/x?a=1'],
  ['https:hidden:hidden@example.com/x', 'https://[redacted]@example.com/x'],
  ['https://a@hidden@example.com/', 'https://[redacted]@example.com/'],
  ['https://user:hidden@exa mple/x?token=hidden', 'https://[redacted]@exa mple/x?token=[redacted]'],
  ['https://example.com/#id_token=hidden', 'https://example.com/#id_token=[redacted]'],
  ['/x?secret=hidden', '/x?secret=[redacted]'],
])('shows a URL without its secrets: %s', (url, shown) => {
  expect(redactUrl(url, usual)).toBe(shown);
});
