import { canonicalAddress } from '#shared/contract/ip-address.ts';

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/** @returns whether a host can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1');
  return loopback.test(canonicalAddress(address) ?? address);
}
