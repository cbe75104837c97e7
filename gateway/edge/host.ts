import { isIPv6 } from 'node:net';

/** What nearly all clients send. */
const usual = /^[\w.-]+(?::\d{1,4})?$/;
const registeredName = /^(?:[\w.~!$&'()*+,;=-]|%[\dA-Fa-f]{2})+$/;
const futureAddress = /^v[\dA-Fa-f]+\.[\w.~!$&'()*+,;=:-]+$/i;
const maxPort = 65_535;

/**
 * @returns whether a text is a host with or without a port: the syntax of `Host` (RFC 9110 7.2, RFC 3986
 * 3.2.2). The host of an `http` URI is never empty (RFC 9110 4.2.1).
 */
export function isHost(text: string): boolean {
  if (usual.test(text)) return true;
  const bracket = text.startsWith('[') ? text.indexOf(']') + 1 : 0;
  const colon = text.indexOf(':', bracket);
  const host = colon < 0 ? text : text.slice(0, colon);
  if (colon >= 0 && !isPort(text.slice(colon + 1))) return false;
  return bracket > 0 ? isLiteral(host) : registeredName.test(host);
}

/** The port may be empty after its colon. */
function isPort(text: string): boolean {
  return /^\d{0,5}$/.test(text) && Number(text) <= maxPort;
}

/** An address in brackets. A zone has a meaning only for its sender (RFC 6874). */
function isLiteral(host: string): boolean {
  if (!host.endsWith(']')) return false;
  const address = host.slice(1, -1);
  return (isIPv6(address) && !address.includes('%')) || futureAddress.test(address);
}
