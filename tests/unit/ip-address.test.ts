import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress, peerAddress } from '#shared/contract/ip-address.ts';

describe('canonicalAddress', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['0000:0000:0000:0000:0000:ffff:c000:0207', '192.0.2.7'],
    ['::ffff:192.0.2.7%eth0', '192.0.2.7'],
    ['::1', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['fe80::1%12', 'fe80::1'],
    // Other forms than IPv4-mapped addresses.
    ['::192.0.2.7', '::192.0.2.7'],
    ['64:ff9b::c000:207', '64:ff9b::c000:207'],
  ])('of %s is %s', (text, address) => expect(canonicalAddress(text)).toBe(address));

  it.each(['', 'localhost', '1.2.3', '010.0.0.1', '256.0.0.1', '[::1]', '::1:', '1.2.3.4:80', '0x7f000001'])(
    'is undefined for %j, which is not an address',
    (text) => expect(canonicalAddress(text)).toBeUndefined(),
  );

  it('is the IPv4 address of every IPv4-mapped one, and does not change when applied twice', () => {
    fc.assert(fc.property(fc.ipV4(), (address) => canonicalAddress(`::ffff:${address}`) === address));
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = canonicalAddress(text) ?? '';
        expect(canonicalAddress(address)).toBe(address);
        expect(address).not.toMatch(/^::ffff:[\d.]+$/);
      }),
    );
  });
});

describe('peerAddress', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1'],
    [undefined, ''],
  ])('of a socket at %s is %j', (remoteAddress, address) => {
    expect(peerAddress({ remoteAddress })).toBe(address);
  });
});
