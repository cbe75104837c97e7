import { describe, expect, it } from 'vitest';
import { headOf, valuesOf } from '../fixtures/request-heads.ts';

/** Excludes the fields that ringpost adds at the end: `Via` and `Forwarded`. */
const beforeOwn = -4;

describe('the headers of a request to a replica', () => {
  it('keep order, case, repetition, empty and latin1 values, and Host', () => {
    const raw = ['X-B', '2', 'HOST', 'shop.test:81', 'x-a', '', 'X-B', 'é\u00ff', 'Content-Length', '0'];
    expect(headOf(raw).headers.slice(0, raw.length)).toEqual(raw);
  });

  it.each([
    ['ringpost_session_5001=secret', undefined],
    ['a=1; ringpost_session_5001=secret; b=2', 'a=1; b=2'],
    ['ringpost_session_5001=secret; ringpost_session_80=secret;b=2', 'b=2'],
    ['a=1;ringpost_session_443=secret', 'a=1'],
    [' \tringpost_session_=secret', undefined],
    ['a=ringpost_session_5001; B=\xe0\xa0', 'a=ringpost_session_5001; B=\xe0\xa0'],
    [' a=1 ;; b="2; c" ', ' a=1 ;; b="2; c" '],
  ])('exclude the cookies of the dashboard, for whatever port, and keep others: %j', (field, kept) => {
    const { headers } = headOf(['Host', 'a', 'cookie', field, 'Cookie', 'z=1']);
    expect(valuesOf(headers, 'cookie')).toEqual(kept === undefined ? ['z=1'] : [kept, 'z=1']);
  });

  it('exclude hop-by-hop fields and those that Connection names', () => {
    const hop = ['Keep-Alive', 'Proxy-Connection', 'Transfer-Encoding', 'TE', 'Trailer', 'Upgrade', 'Expect'];
    const raw = ['Host', 'a', 'Connection', 'close, x-one', 'connection', 'X-TWO', 'X-One', '1'].concat(
      ['x-two', '2', 'X-Three', '3'],
      hop.flatMap((name) => [name, 'x']),
    );
    expect(headOf(raw).headers.slice(0, beforeOwn)).toEqual(['Host', 'a', 'X-Three', '3']);
  });

  it.each(['1.0', '1.1'])('have a Via with the version of the request: %s', (version) => {
    expect(headOf(['Host', 'a'], { version }).headers).toContain(`${version} ringpost`);
  });

  it("keep the Via of earlier hops before ringpost's own", () => {
    expect(valuesOf(headOf(['Via', '1.0 fred', 'Host', 'a']).headers, 'via')).toEqual([
      '1.0 fred',
      '1.1 ringpost',
    ]);
  });

  it.each([
    ['192.0.2.7', 'shop.test:81', 'for=192.0.2.7;host="shop.test:81";proto=http'],
    ['::1', 'a', 'for="[::1]";host="a";proto=http'],
    ['', 'a', 'for=unknown;host="a";proto=http'],
    ['192.0.2.7', 'a"b\\c', 'for=192.0.2.7;host="a\\"b\\\\c";proto=http'],
  ])('have for the peer %s and the host %s the Forwarded field %s', (peer, host, value) => {
    expect(valuesOf(headOf(['Host', host], { peer }).headers, 'forwarded')).toEqual([value]);
  });

  it('have a Forwarded field without a host if the client named none', () => {
    expect(valuesOf(headOf([]).headers, 'forwarded')).toEqual(['for=192.0.2.7;proto=http']);
  });
});

describe('Connection', () => {
  it.each([
    'Host',
    'Authorization',
    'Proxy-Authorization',
    'Cookie',
    'Forwarded',
    'Via',
    'X-Forwarded-For',
    'X-Forwarded-Whatever',
    'X-Real-IP',
    'Content-Length',
    'Content-Type',
    'Content-Encoding',
    'Idempotency-Key',
    'Prefer',
    'Origin',
    'Sec-Fetch-Site',
    'If-Match',
    'Range',
    'Ringpost-Key',
    'Ringpost-Order',
    'X-Api-Key',
    'X-CSRF-Token',
    'X-Auth-Request-User',
    'X-Tenant',
  ])('cannot remove a field that security or a key depends on: %s', (name) => {
    for (const value of [name, name.toLowerCase(), `close, ${name.toUpperCase()}`, `\t${name} ,x-hop`]) {
      const head = (): unknown =>
        headOf(['Host', 'a', 'Connection', 'close', 'connection', value], { keyFields: ['x-tenant'] });
      expect(head).toThrow(`Connection names "${name.toLowerCase()}"`);
      expect(head).toThrow(expect.objectContaining({ code: 'request_malformed' }));
    }
  });

  it('cannot remove an end-to-end field through a trusted proxy either', () => {
    expect(() => headOf(['Connection', 'forwarded'], { trusted: '192.0.2.7' })).toThrow('Connection names');
  });

  it('is quoted only in part in the error if a name is long', () => {
    const name = `content-${'x'.repeat(1000)}`;
    expect(() => headOf(['Connection', name])).toThrow(JSON.stringify(name.slice(0, 100)));
  });

  it.each(['close', 'keep-alive', 'Upgrade, HTTP2-Settings', 'TE', 'x-hop', 'contents', 'x-forwarded', ''])(
    'may name hop-by-hop fields: %j',
    (value) => {
      expect(headOf(['Host', 'a', 'Connection', value]).headers.slice(0, beforeOwn)).toEqual(['Host', 'a']);
    },
  );
});

const originFields = [
  ['Forwarded', 'for=198.51.100.1;proto=https'],
  ['X-Forwarded-For', '198.51.100.1'],
  ['x-forwarded-host', 'shop.test'],
  ['X-FORWARDED-PROTO', 'https'],
  ['X-Forwarded-Anything', '1'],
  ['X-Real-IP', '198.51.100.1'],
].flat();

describe('the fields that say where a request comes from', () => {
  it.each([undefined, '', '10.0.0.0/8'])('are removed if the peer is not a trusted proxy: %j', (trusted) => {
    const { headers, ip } = headOf(['Host', 'a', ...originFields, 'X-Forwarded', '1'], { trusted });
    expect(headers.slice(0, beforeOwn)).toEqual(['Host', 'a', 'X-Forwarded', '1']);
    expect(valuesOf(headers, 'forwarded')).toEqual(['for=192.0.2.7;host="a";proto=http']);
    expect(ip).toBe('192.0.2.7');
  });

  it.each(['192.0.2.7', '192.0.2.0/24', '::ffff:192.0.2.0/120'])(
    'are extended if the peer is a trusted proxy: %s',
    (trusted) => {
      const { headers, ip } = headOf(['Host', 'a', ...originFields], { trusted });
      const kept = originFields.with(3, '198.51.100.1, 192.0.2.7');
      expect(headers.slice(0, beforeOwn)).toEqual(['Host', 'a', ...kept]);
      expect(headers.slice(-2)).toEqual(['Forwarded', 'for=192.0.2.7;host="a";proto=http']);
      expect(ip).toBe('198.51.100.1');
    },
  );

  it('are removed if spelled with underscores, as CGI does, even from a trusted proxy', () => {
    const raw = ['X_Forwarded_For', '198.51.100.1', 'x-forwarded_for', '198.51.100.1', 'X_Real_IP', '1'];
    for (const trusted of [undefined, '192.0.2.7']) {
      const { headers, ip } = headOf(raw, { trusted });
      expect(headers.slice(0, beforeOwn)).toEqual([]);
      expect(ip).toBe('192.0.2.7');
    }
  });

  it('include an X-Forwarded-For made from the Forwarded of a proxy, unless it is switched off', () => {
    const trusted = '192.0.2.7';
    const sent = ['Forwarded', 'for="[2001:DB8::1]:80";proto=https, for=_hidden, for=192.0.2.7'];
    const { headers } = headOf(sent, { trusted });
    expect(valuesOf(headers, 'x-forwarded-for')).toEqual(['2001:db8::1, unknown, 192.0.2.7, 192.0.2.7']);
    expect(valuesOf(headers, 'x-forwarded-proto')).toEqual(['http']);
    const without = headOf(sent, { trusted, xForwarded: false });
    expect(valuesOf(without.headers, 'x-forwarded-for')).toEqual([]);
    // Without a proxy the worker makes this field, so the job does not carry it.
    expect(valuesOf(headOf(['Host', 'a'], { trusted }).headers, 'x-forwarded-for')).toEqual([]);
  });

  it('do not include fields that only ringpost may send', () => {
    const forged = [
      'Ringpost-Request',
      '1',
      'ringpost-replica',
      '2',
      'RINGPOST_ATTEMPT',
      '3',
      'Ringpost-Key',
      'k',
    ];
    expect(headOf(forged).headers.slice(0, -4)).toEqual(['Ringpost-Key', 'k']);
    expect(headOf(forged, { trusted: '192.0.2.7' }).headers.slice(0, -4)).toEqual(['Ringpost-Key', 'k']);
  });

  it('have the peer after the last X-Forwarded-For, or instead of an empty one', () => {
    const values = (...raw: string[]): string[] =>
      valuesOf(
        headOf(
          raw.flatMap((value) => ['X-Forwarded-For', value]),
          { trusted: '192.0.2.7' },
        ).headers,
        'x-forwarded-for',
      );
    expect(values('198.51.100.1', '198.51.100.2')).toEqual(['198.51.100.1', '198.51.100.2, 192.0.2.7']);
    expect(values(' ')).toEqual(['192.0.2.7']);
  });
});
