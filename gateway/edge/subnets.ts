import { BlockList, isIP } from 'node:net';
import { canonicalAddress } from '#shared/contract/ip-address.ts';

/** Bits before the IPv4 address in an IPv4-mapped IPv6 one. */
const mappedPrefix = 96;

/** @returns whether an address is in a list; false if the text is not an address. */
export function isIn(subnets: BlockList, address: string): boolean {
  const canonical = canonicalAddress(address);
  return canonical !== undefined && subnets.check(canonical, familyOf(canonical));
}

/**
 * @param setting addresses and subnets, separated by commas.
 * @returns the list, and what is wrong with the entries that are neither.
 */
export function parseSubnets(setting: string): {
  readonly subnets: BlockList;
  readonly faults: readonly string[];
} {
  const subnets = new BlockList();
  const faults: string[] = [];
  for (const entry of setting.split(',').map((each) => each.trim())) {
    if (entry !== '' && !addSubnet(subnets, entry)) {
      faults.push(`has ${JSON.stringify(entry)}; it must be an address or a subnet such as 10.1.0.0/16`);
    }
  }
  return { subnets, faults };
}

/** @returns a list of addresses and subnets that are known to be valid. */
export function subnetsOf(entries: readonly string[]): BlockList {
  return parseSubnets(entries.join(',')).subnets;
}

/** @returns whether the entry is an address or a subnet. */
function addSubnet(list: BlockList, entry: string): boolean {
  const [text = '', prefix, ...more] = entry.split('/');
  const address = canonicalAddress(text);
  if (address === undefined || text.includes('%') || more.length > 0) return false;
  const family = familyOf(address);
  if (prefix === undefined) {
    list.addAddress(address, family);
    return true;
  }
  if (!/^\d{1,3}$/.test(prefix)) return false;
  // In an IPv4-mapped subnet only the bits of the IPv4 address count.
  const bits = Number(prefix) - (family === 'ipv4' && isIP(text) === 6 ? mappedPrefix : 0);
  if (bits < 0 || bits > (family === 'ipv4' ? 32 : 128)) return false;
  list.addSubnet(address, bits, family);
  return true;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
