/**
 * Fields of a request or an answer that concern its receiver, and on which its security depends. `Connection`
 * is for fields of one hop (RFC 9110 7.6.1); one that names a field of these would take it away on the way.
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

/** Kinds of fields, by how their names begin, and by how they end. */
const begins = /^(?:content|if|sec|ringpost|access-control|cross-origin|x-(?:forwarded|content|frame|auth))-/;
const ends = /-(?:token|secret|key|signature)$/;

/** @param name of a field, in lower case. */
export function isEndToEnd(name: string): boolean {
  return names.has(name) || begins.test(name) || ends.test(name);
}
