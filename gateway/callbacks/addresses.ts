import { BlockList, isIP } from 'node:net';

/**
 * Addresses that are not of the public Internet: the IANA special-purpose registries for IPv4 (RFC 6890 and after) and
 * multicast. Of IPv6 only 2000::/3 is given out as global unicast.
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
/** Within 2000::/3: protocol assignments with Teredo, documentation, and 6to4, which leads to an IPv4 address. */
const special6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const special4List = listOf(special4);
const global6List = listOf(global6);
const special6List = listOf(special6);

/** @returns whether an address, as text without brackets, is one of the public Internet. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !special4List.check(address, 'ipv4');
  return global6List.check(address, 'ipv6') && !special6List.check(address, 'ipv6');
}

/** @returns whether an address is in a list. */
export function isIn(subnets: BlockList, address: string): boolean {
  return subnets.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
}

/**
 * @param setting addresses and subnets, separated by commas.
 * @returns them, and what is wrong with those that are none.
 */
export function parseSubnets(setting: string): {
  readonly subnets: BlockList;
  readonly faults: readonly string[];
} {
  const subnets = new BlockList();
  const faults: string[] = [];
  for (const entry of setting.split(',').map((each) => each.trim())) {
    if (entry !== '' && !add(subnets, entry)) {
      faults.push(`has ${JSON.stringify(entry)}; it must be an address or a subnet such as 10.1.0.0/16`);
    }
  }
  return { subnets, faults };
}

function listOf(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) add(list, entry);
  return list;
}

function add(list: BlockList, entry: string): boolean {
  const [address = '', prefix, ...more] = entry.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (prefix === undefined) {
    list.addAddress(address, family);
    return true;
  }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (version === 4 ? 32 : 128)) return false;
  list.addSubnet(address, Number(prefix), family);
  return true;
}
