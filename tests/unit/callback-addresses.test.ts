import { describe, expect, it } from 'vitest';
import { isPublic } from '../../gateway/callbacks/addresses.ts';
import { CallbackTargets } from '../../gateway/callbacks/targets.ts';
import { parseSubnets } from '../../gateway/edge/subnets.ts';

describe('isPublic', () => {
  it.each([
    '93.184.216.34',
    '1.1.1.1',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '::ffff:93.184.216.34',
    '::ffff:5db8:d822',
  ])('is true for %s', (address) => expect(isPublic(address)).toBe(true));

  it.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::FFFF:7f00:1',
    '0:0:0:0:0:ffff:10.0.0.1',
    'fe80::1%eth0',
    'example.com',
    '',
    '64:ff9b::7f00:1',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::1',
  ])('is false for %s', (address) => expect(isPublic(address)).toBe(false));
});

describe('CallbackTargets', () => {
  const targets = new CallbackTargets(parseSubnets('10.1.0.0/16').subnets);
  it.each([
    ['https://93.184.216.34/x', undefined],
    ['http://10.1.2.3:8080/', undefined],
    ['https://10.1.2.3/', undefined],
    ['https://[2606:4700::1111]/', undefined],
    ['http://[::ffff:10.1.2.3]/', undefined],
    ['https://[::ffff:93.184.216.34]/', undefined],
    ['https://[::ffff:10.2.0.1]/', 'not a public address'],
    ['http://93.184.216.34/', 'must begin with https:'],
    ['https://10.2.0.1/', 'not a public address'],
    // Browsers and curl read these as addresses.
    ['https://0x7f.1/', 'not a public address'],
    ['https://2130706433/', 'not a public address'],
    ['https://0177.0.0.1/', 'not a public address'],
    ['https://[::1]/', 'not a public address'],
    ['https://localhost/', 'not a public address'],
    ['file:///etc/passwd', 'must begin with https:'],
    ['https://user@93.184.216.34/', 'no user and password'],
    ['/relative', 'not a URL'],
    ['', 'not a URL'],
  ])('finds this fault in %s: %s', async (url, fault) => {
    const found = await targets.fault(url);
    if (fault === undefined) expect(found).toBeUndefined();
    else expect(found?.detail).toContain(fault);
    // A client reads this text.
    expect(found?.detail ?? '').not.toMatch(/\d+\.\d+\.\d+|::/);
  });
});
