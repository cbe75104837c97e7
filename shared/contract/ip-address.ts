import { isIP, SocketAddress } from 'node:net';

/** How an IPv4 address in an IPv6 one begins (RFC 4291 2.5.5.2), in the form that inet_ntop gives. */
const mapped = '::ffff:';

/**
 * The one form of an address: an IPv4-mapped IPv6 address is that IPv4 address, an IPv6 address is written as
 * RFC 5952 says, and has no zone. A zone names an interface of the machine that sees the address, not the
 * other end.
 * @param text without brackets and port.
 * @returns undefined if it is no address.
 */
export function canonicalAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version !== 6) return version === 4 ? text : undefined;
  const zone = text.indexOf('%');
  const { address } = new SocketAddress({
    address: zone < 0 ? text : text.slice(0, zone),
    family: 'ipv6',
  });
  return address.startsWith(mapped) && address.includes('.') ? address.slice(mapped.length) : address;
}

/**
 * @returns the address of the other end of a connection in its one form; empty if it is not known any more.
 */
export function peerAddress({ remoteAddress = '' }: { readonly remoteAddress?: string | undefined }): string {
  // Most are IPv4, and written as they are to be.
  return remoteAddress.includes(':') ? (canonicalAddress(remoteAddress) ?? '') : remoteAddress;
}
