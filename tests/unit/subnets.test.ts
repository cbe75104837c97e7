import { describe, expect, it } from 'vitest';
import { isIn, parseSubnets } from '../../gateway/edge/subnets.ts';

describe('parseSubnets', () => {
  it('reads addresses and subnets', () => {
    const { subnets, faults } = parseSubnets('10.1.0.0/16, 127.0.0.1,,fd00::/8');
    expect(faults).toEqual([]);
    for (const inside of ['10.1.2.3', '127.0.0.1', 'fd12::1'])
      expect(isIn(subnets, inside), inside).toBe(true);
    for (const outside of ['10.2.0.0', '127.0.0.2', 'fe80::1', '', 'x', '10.1.2'])
      expect(isIn(subnets, outside), outside).toBe(false);
  });

  it.each([
    'x',
    '10.0.0.0/33',
    '1.2.3.4/',
    '1.2.3.4/1/2',
    '010.0.0.1',
    'fd00::/129',
    'fe80::1%eth0',
    '::ffff:10.0.0.0/95',
    '::ffff:10.0.0.0/129',
  ])('reports an entry that is neither: %s', (entry) => {
    const { faults } = parseSubnets(`10.0.0.1,${entry}`);
    expect(faults).toEqual([
      `has ${JSON.stringify(entry)}; it must be an address or a subnet such as 10.1.0.0/16`,
    ]);
  });

  it.each(['10.1.0.0/16', '::ffff:10.1.0.0/112', '::ffff:a01:0/112'])(
    'treats an IPv4-mapped address as the IPv4 address, both in the list and as the argument: %s',
    (entry) => {
      const { subnets } = parseSubnets(entry);
      for (const inside of ['10.1.2.3', '::ffff:10.1.2.3', '::FFFF:A01:203', '0:0:0:0:0:ffff:a01:203'])
        expect(isIn(subnets, inside), inside).toBe(true);
      for (const outside of ['10.2.0.1', '::ffff:10.2.0.1', '::10.1.2.3'])
        expect(isIn(subnets, outside), outside).toBe(false);
    },
  );

  it('ignores the zone of an address', () => {
    const { subnets } = parseSubnets('fe80::/10');
    expect(isIn(subnets, 'fe80::1%eth0')).toBe(true);
  });
});
