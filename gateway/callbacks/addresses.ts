import { canonicalAddress } from '#shared/contract/ip-address.ts';
import { isIn, subnetsOf } from '../edge/subnets.ts';

/**
 * Addresses that are not on the public Internet: the IANA special-purpose registry for IPv4 (RFC 6890 and
 * later), and multicast. For IPv6 only 2000::/3 is global unicast.
 */
const special4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
const global6 = ['2000::/3'];
/**
 * Within 2000::/3: protocol assignments with Teredo, documentation, and 6to4, which leads to an IPv4 address.
 */
const special6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const special4List = subnetsOf(special4);
const global6List = subnetsOf(global6);
const special6List = subnetsOf(special6);

/** @param address without brackets. @returns whether it is on the public Internet. */
export function isPublic(address: string): boolean {
  const canonical = canonicalAddress(address);
  if (canonical === undefined) return false;
  if (!canonical.includes(':')) return !isIn(special4List, canonical);
  return isIn(global6List, canonical) && !isIn(special6List, canonical);
}
