/**
 * Header fields that are meant for the receiver of a message, and on which its security depends. `Connection`
 * lists fields of one hop (RFC 9110 7.6.1); it must not be able to remove one of these on the way.
 */
const names: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'proxy-authorization',
  'cookie',
  'forwarded',
  'via',
  'x-real-ip',
  'origin',
  'referer',
  'range',
  'prefer',
  'idempotency-key',
  'signature',
  'signature-input',
  'digest',
  'set-cookie',
  'www-authenticate',
  'proxy-authenticate',
  'authentication-info',
  'location',
  'vary',
  'cache-control',
  'etag',
  'strict-transport-security',
  'referrer-policy',
  'permissions-policy',
  'clear-site-data',
]);

/** Families of fields, by the beginning or the end of their names. */
const prefix = /^(?:content|if|sec|ringpost|access-control|cross-origin|x-(?:forwarded|content|frame|auth))-/;
const suffix = /-(?:token|secret|key|signature)$/;

/** @param name the name of a field, in lower case. */
export function isEndToEnd(name: string): boolean {
  return names.has(name) || prefix.test(name) || suffix.test(name);
}
