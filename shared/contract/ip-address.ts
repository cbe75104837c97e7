import { isIP, SocketAddress } from 'node:net';

/** The start of an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), as inet_ntop writes it. */
const mapped = '::ffff:';

/**
 * Writes an address in its canonical form: an IPv4-mapped IPv6 address as IPv4, any other IPv6 address as in
 * RFC 5952 and without its zone. The zone names an interface of the host that sees the address, not the peer.
 * @param text an address without brackets and port.
 * @returns undefined if it is not an address.
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

/** @returns the address of a connection's peer in its canonical form; empty if it is no longer known. */
export function peerAddress({ remoteAddress = '' }: { readonly remoteAddress?: string | undefined }): string {
  // Most addresses are IPv4 and already in that form.
  return remoteAddress.includes(':') ? (canonicalAddress(remoteAddress) ?? '') : remoteAddress;
}
