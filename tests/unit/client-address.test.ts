import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientOf } from '../../gateway/request/client-address.ts';
import { ForwardedParser } from '../../gateway/request/forwarded-parser.ts';
import { parseSubnets } from '../../gateway/edge/subnets.ts';
import { headOf } from '../fixtures/request-heads.ts';

const trusted = '10.0.0.0/8,fd00::/8';
const peer = '10.0.0.1';
const ipOf = (...raw: string[]): string => headOf(['Host', 'a', ...raw], { peer, trusted }).ip;

describe('the address of the client', () => {
  it.each(['192.0.2.7', '::1', ''])('is the peer if no proxy is trusted: %j', (address) => {
    const raw = ['Host', 'a,for=10.0.0.1', 'Forwarded', 'for=198.51.100.1'];
    const { headers, ip } = headOf(raw, { peer: address });
    expect(ip).toBe(address);
    expect(clientOf(headers, undefined)).toBe(address);
  });

  it('is the peer if a trusted proxy adds no field', () => expect(ipOf()).toBe(peer));

  it.each([
    // The last address that is not a trusted proxy. That client could have sent the ones before it.
    ['198.51.100.1', '198.51.100.1'],
    ['203.0.113.9, 198.51.100.1', '198.51.100.1'],
    ['203.0.113.9, 198.51.100.1, 10.0.0.9,fd00::9', '198.51.100.1'],
    ['10.0.0.1, 198.51.100.1, 10.0.0.9', '198.51.100.1'],
    ['!!, for=", 198.51.100.1', '198.51.100.1'],
    // All are trusted: the first address.
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    // Forms in which proxies write addresses.
    ['198.51.100.1:8080', '198.51.100.1'],
    ['[2001:DB8::1]:8080', '2001:db8::1'],
    ['2001:db8:0::1', '2001:db8::1'],
    ['::ffff:198.51.100.1', '198.51.100.1'],
    ['::ffff:c633:6401', '198.51.100.1'],
    ['198.51.100.1, ::ffff:10.0.0.9', '198.51.100.1'],
    [' , 198.51.100.1 ,\t', '198.51.100.1'],
    // A hidden client: the proxy that reported it.
    ['198.51.100.1, unknown', '10.0.0.1'],
    ['198.51.100.1, _hidden, 10.0.0.9', '10.0.0.9'],
  ])('with X-Forwarded-For: %s is %s', (value, address) => {
    expect(ipOf('X-Forwarded-For', value)).toBe(address);
  });

  it.each([
    ['for=198.51.100.1', '198.51.100.1'],
    ['For="198.51.100.1:8080";proto=https;by=_x', '198.51.100.1'],
    ['for="[2001:db8::1]:_port"', '2001:db8::1'],
    ['for=[2001:db8::1]', '2001:db8::1'],
    ['for=203.0.113.9,for=198.51.100.1 ; host="a,for=10.0.0.7", for=10.0.0.9', '198.51.100.1'],
    ['for="10.0.0\\.3"', '10.0.0.3'],
    ['for=198.51.100.1, for=unknown', '10.0.0.1'],
    ['for=198.51.100.1, for="_a.b-c:_p", for=10.0.0.9', '10.0.0.9'],
    ['for=198.51.100.1, proto=https', '10.0.0.1'],
    [', ,for=198.51.100.1,', '198.51.100.1'],
    ['', '10.0.0.1'],
  ])('with Forwarded: %s is %s', (value, address) => {
    expect(ipOf('Forwarded', value)).toBe(address);
  });

  it('is the same whether the list is in one field or in several', () => {
    const fields = (name: string): string[] => [name, 'for=198.51.100.1', name, 'for=10.0.0.9'];
    expect(ipOf(...fields('Forwarded'))).toBe('198.51.100.1');
    expect(ipOf('X-Forwarded-For', '198.51.100.1', 'x-forwarded-for', '10.0.0.9')).toBe('198.51.100.1');
  });

  it.each([
    ['Forwarded', 'for="198.51.100.1'],
    ['Forwarded', 'for=198.51.100.1;for=198.51.100.2'],
    ['Forwarded', 'for'],
    ['Forwarded', '198.51.100.1'],
    ['Forwarded', 'for = 198.51.100.1'],
    ['Forwarded', 'for=198.51.100.1 proto=https'],
    ['Forwarded', 'for="198.51.100.1"x'],
    ['Forwarded', 'for=198.51.100'],
    ['Forwarded', 'for=example.com'],
    ['X-Forwarded-For', '198.51.100.256'],
    ['X-Forwarded-For', 'for=198.51.100.1'],
    ['X-Forwarded-For', '"198.51.100.1"'],
    ['X-Forwarded-For', '198.51.100.1:80:80'],
    ['X-Forwarded-For', '[198.51.100.1'],
    ['X-Forwarded-For', ':80'],
  ])('is refused if a trusted proxy sends a field that cannot be parsed: %s: %s', (name, value) => {
    expect(() => ipOf(name, value)).toThrow(expect.objectContaining({ code: 'request_malformed' }));
    expect(() => ipOf(name, value)).toThrow(`${name} cannot be read`);
  });

  it.each(['Forwarded', 'X-Forwarded-For'])('is refused if the field has more than 8 KiB: %s', (name) => {
    const long = `${' '.repeat(8192)},`;
    expect(() => ipOf(name, long)).toThrow(new RegExp(`${name} has \\d+ bytes; it may have 8192 at most`));
    expect(headOf([name, long], { trusted }).ip).toBe('192.0.2.7');
  });

  it('is taken from Forwarded and X-Forwarded-For if they agree, and refused if they differ', () => {
    const both = (forwarded: string, others: string): string =>
      ipOf('Forwarded', forwarded, 'X-Forwarded-For', others);
    expect(both('for=198.51.100.1', '203.0.113.9, 198.51.100.1, 10.0.0.9')).toBe('198.51.100.1');
    const differ = 'Forwarded and X-Forwarded-For name different clients';
    expect(() => both('for=198.51.100.1', '198.51.100.2')).toThrow(differ);
    expect(() => both('for=unknown', '198.51.100.2')).toThrow(differ);
    expect(() => both('for=198.51.100.1', '')).toThrow(differ);
  });
});

describe('clientOf', () => {
  const { subnets } = parseSubnets(trusted);

  it('finds the same address in the headers that the replica gets', () => {
    for (const raw of [
      ['X-Forwarded-For', '198.51.100.1, 10.0.0.9'],
      ['Forwarded', 'for=198.51.100.1', 'X-Forwarded-For', '198.51.100.1'],
      ['Forwarded', 'for="[2001:db8::1]"'],
      [],
    ]) {
      const { headers, ip } = headOf(['Host', 'a', ...raw], { peer, trusted });
      expect(clientOf(headers, subnets)).toBe(ip);
    }
  });

  it('is empty if no gateway has noted an address', () => expect(clientOf(['Host', 'a'], subnets)).toBe(''));

  it('ignores fields of a time when no proxy was trusted', () => {
    const old = [
      'Forwarded',
      'for=198.51.100.1',
      'X-Forwarded-For',
      'x',
      'Forwarded',
      'for=192.0.2.7;proto=http',
    ];
    expect(clientOf(old, subnets)).toBe('192.0.2.7');
  });

  it('reads what a gateway has noted, however long the host is', () => {
    const { headers } = headOf(['Host', '"'.repeat(60_000)], { peer, trusted });
    expect(clientOf(headers, subnets)).toBe(peer);
  });
});

describe('Forwarded', () => {
  const token = fc.stringMatching(/^[a-z!#$%&'*+.^_`|~0-9-]{1,8}$/);
  const text = fc.stringMatching(/^[ -~]{0,12}$/);
  const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
  const pair = fc.tuple(
    fc.oneof(fc.constant('for'), token),
    fc.oneof(
      token.map((value) => [value, value] as const),
      text.map((value) => [value, quote(value)] as const),
    ),
  );
  const element = fc.uniqueArray(pair, { minLength: 1, selector: ([name]) => name });

  it('is parsed with its names, values, quotes and escapes', () => {
    fc.assert(
      fc.property(fc.array(element), (elements) => {
        const field = elements
          .map((pairs) => pairs.map(([name, [, written]]) => `${name}=${written}`).join(';'))
          .join(', ');
        const expected = elements.map((pairs) => pairs.find(([name]) => name === 'for')?.[1][0] ?? '');
        expect(new ForwardedParser(field).parse()).toEqual(expected);
      }),
    );
  });

  it('is parsed to its end, whatever it contains', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~\t]*$/), (field) => {
        const found = new ForwardedParser(field).parse();
        expect(found === undefined || Array.isArray(found)).toBe(true);
      }),
    );
  });
});
