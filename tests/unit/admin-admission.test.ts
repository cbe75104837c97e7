import { describe, expect, it } from 'vitest';
import type { IncomingHttpHeaders } from 'node:http';
import { admit } from '../../gateway/admin/admission.ts';
import type { Admission } from '../../gateway/admin/admission.ts';
import { bodyFault } from '../../gateway/admin/change-body.ts';
import { loadGatewayConfig } from '../../gateway/settings/config.ts';

const host = '127.0.0.1:5000';
const admin = 'Bearer an-admin-token-of-mine';
const view = 'Bearer a-view-token-of-mine';
const both = { ADMIN_TOKEN: 'an-admin-token-of-mine', VIEW_TOKEN: 'a-view-token-of-mine' };

function admission(
  headers: IncomingHttpHeaders,
  env: NodeJS.ProcessEnv = {},
  [method, route] = ['GET', '/rep'] as const,
): Admission {
  return admit({ method, route, headers }, loadGatewayConfig(env).admin);
}

/** @returns why a call is refused with 403; undefined if it is admitted. */
function forbidden(headers: IncomingHttpHeaders, env: NodeJS.ProcessEnv = {}): string | undefined {
  const result = admission(headers, env);
  if (result.kind === 'admitted') return undefined;
  expect(result).toMatchObject({ code: 'forbidden', wrongToken: false });
  return result.detail;
}

describe('a call without a token is answered', () => {
  it.each(['localhost', 'LOCALHOST:5000', '127.0.0.1', '10.1.2.3:80', '[::1]:5000', '[2001:db8::1]'])(
    'if its Host is %s',
    (name) => {
      expect(forbidden({ host: name })).toBeUndefined();
    },
  );

  it('if its Host is in ADMIN_HOSTS', () => {
    const env = { ADMIN_HOSTS: 'ring.example, Gateway' };
    expect(forbidden({ host: 'ring.example:5000' }, env)).toBeUndefined();
    expect(forbidden({ host: 'GATEWAY' }, env)).toBeUndefined();
    expect(forbidden({ host: 'x.ring.example' }, env)).toContain('ADMIN_HOSTS');
  });

  it.each([
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-origin' },
    { origin: `http://${host}` },
    { authorization: 'Bearer anything' },
  ])('if no page or one of the same origin sent it, or it has a token that is not needed: %j', (headers) => {
    expect(forbidden({ host, ...headers })).toBeUndefined();
  });

  it('if its Origin and its Host differ only in the default port', () => {
    expect(forbidden({ host: 'localhost', origin: 'http://localhost:80' })).toBeUndefined();
    expect(forbidden({ host: 'localhost:80', origin: 'http://localhost' })).toBeUndefined();
  });
});

describe('a call without a token is refused, and the answer says which setting helps', () => {
  it.each([
    'evil.test',
    'evil.test:5000',
    'localhost.evil.test',
    'evil.localhost',
    'localhost.',
    '127.0.0.1.evil.test',
    '127.1',
    '0x7f.1',
    '127.0.0.1:5000:5000',
    '::1',
    '[::1',
    '[evil.test]',
    'localhost:',
    'user@localhost',
    '',
  ])('if its Host is %j', (name) => {
    for (const env of [{}, { ADMIN_AUTH: 'none' }, { ADMIN_AUTH: 'none', HOST: '0.0.0.0' }]) {
      expect(forbidden({ host: name }, env)).toContain('ADMIN_HOSTS');
    }
  });

  it('if it has no Host', () => {
    expect(forbidden({})).toContain('ADMIN_HOSTS');
  });

  it.each(['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-anything', 'x-real-ip'])(
    'if a proxy has added %s, unless the network is trusted',
    (name) => {
      expect(forbidden({ host, [name]: 'x' })).toContain('ADMIN_AUTH=none');
      expect(forbidden({ host, [name]: '' })).toContain(name);
      expect(forbidden({ host, [name]: 'x' }, { ADMIN_AUTH: 'none' })).toBeUndefined();
    },
  );

  it.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': '' },
    { 'sec-fetch-site': 'none, cross-site' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'localhost' },
    { origin: 'http://evil.test' },
    { origin: `https://${host}` },
    { origin: 'http://127.0.0.1' },
    { origin: 'http://127.0.0.1:5001' },
    { origin: 'http://localhost:5000' },
    { origin: `http://${host}, http://${host}` },
    { origin: `http://${host}.evil.test` },
    { origin: `http://${host}@evil.test` },
    { origin: `http://${host}`, 'sec-fetch-site': 'cross-site' },
  ])('if it comes from a page of another origin, even in a trusted network: %j', (headers) => {
    for (const env of [{}, { ADMIN_AUTH: 'none' }])
      expect(forbidden({ host, ...headers }, env)).toContain('set ADMIN_TOKEN');
  });

  it('if the listener is not on loopback and nothing is set', () => {
    const reason =
      'HOST is ::, not loopback: set ADMIN_TOKEN, or ADMIN_AUTH=none where the network is trusted';
    expect(forbidden({ host }, { HOST: '::' })).toBe(reason);
  });
});

describe('with a token', () => {
  const foreign = { host: 'evil.test', origin: 'null', 'sec-fetch-site': 'cross-site', via: '1.1 x' };
  const refused = { kind: 'refused', code: 'unauthorized' };

  it('a call is answered, wherever it comes from', () => {
    const headers = { ...foreign, authorization: admin };
    expect(admission(headers, both)).toEqual({ kind: 'admitted', name: 'admin' });
  });

  it('a call without the token, or with a wrong one, is refused, wherever it comes from', () => {
    expect(admission({ host }, both)).toMatchObject({ ...refused, wrongToken: false });
    for (const authorization of ['Bearer wrong', 'Basic x', ''])
      expect(admission({ host, authorization }, both)).toMatchObject({ ...refused, wrongToken: true });
  });

  it('for viewing, a call can only read, and only metadata', () => {
    const by = (method: string, route: string): string => {
      const headers = { ...foreign, authorization: view };
      const result = admit({ method, route, headers }, loadGatewayConfig(both).admin);
      return result.kind === 'admitted' ? result.name : result.code;
    };
    for (const route of ['/rep', '/-/ring', '/-/metrics', '/-/dead-letters']) {
      expect([by('GET', route), by('HEAD', route)]).toEqual(['view', 'view']);
      expect([by('POST', route), by('DELETE', route)]).toEqual(['forbidden', 'forbidden']);
    }
    expect(by('GET', '/-/dead-letters/:id')).toBe('forbidden');
    expect(by('GET', '/-/something-new')).toBe('forbidden');
  });

  it('for viewing and no other, calls without it follow the rules for calls without a token', () => {
    const { VIEW_TOKEN } = both;
    expect(admission({ host }, { VIEW_TOKEN }).kind).toBe('admitted');
    expect(admission({ host }, { VIEW_TOKEN, HOST: '0.0.0.0' })).toMatchObject({ code: 'forbidden' });
    const seen = admission({ host, authorization: view }, { VIEW_TOKEN, HOST: '0.0.0.0' });
    expect(seen).toEqual({ kind: 'admitted', name: 'view' });
    const wrong = admission({ host, authorization: 'Bearer wrong' }, { VIEW_TOKEN });
    expect(wrong).toMatchObject({ ...refused, wrongToken: true });
  });
});

describe('a change', () => {
  const origin = `http://${host}`;
  const json = { 'content-type': 'application/json; charset=utf-8' };
  const text = { 'content-type': 'text/plain' };

  it.each<[string, IncomingHttpHeaders]>([
    ['POST', { ...text, 'content-length': '7' }],
    ['POST', { origin, ...json, 'content-length': '7' }],
    ['POST', { 'sec-fetch-site': 'same-origin', 'content-type': 'Application/JSON' }],
    ['DELETE', { origin }],
    ['DELETE', { origin, 'content-length': '0' }],
  ])('is accepted as %s with %j', (method, headers) => {
    expect(bodyFault(method, headers)).toBeUndefined();
  });

  it.each<[string, IncomingHttpHeaders]>([
    ['POST', { origin }],
    ['POST', { origin, ...text }],
    ['POST', { 'sec-fetch-site': 'none', ...text, 'content-length': '7' }],
    ['DELETE', { origin, 'transfer-encoding': 'chunked' }],
    ['PUT', { origin, 'content-type': 'application/jsonx', 'content-length': '7' }],
  ])('from a page is refused as %s with %j', (method, headers) => {
    expect(bodyFault(method, headers)).toContain('application/json');
  });
});
