import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { AdminSettings } from './admin-settings.ts';

const needsToken = 'set ADMIN_TOKEN and send it with the call';

/**
 * The rule for calls without a token: a person or a program on a trusted machine may make them, and a page of
 * this listener. A page of another site may not, nor one whose name was rebound to this address (DNS
 * rebinding), nor a proxy.
 * @returns why a call with these headers is refused, and what to set; undefined if it is admitted.
 */
export function untrusted(headers: IncomingHttpHeaders, settings: AdminSettings): string | undefined {
  if (settings.closed !== undefined) return settings.closed;
  const { host = '', origin } = headers;
  const unknown = unknownHost(headers, settings);
  if (unknown !== undefined) return unknown;
  const proxy = settings.trusted ? undefined : proxyField(headers);
  if (proxy !== undefined) {
    return (
      `the call came through a proxy (${proxy}): ${needsToken}, ` +
      'or set ADMIN_AUTH=none where the network is trusted'
    );
  }
  if (isOfOtherSite(headers)) {
    return `a page of another origin makes the call (Sec-Fetch-Site): ${needsToken}`;
  }
  if (origin !== undefined && !isOwnOrigin(origin, host)) {
    return `a page of another origin makes the call (Origin): ${needsToken}`;
  }
  return undefined;
}

/** @returns why a page must not be shown under this `Host`; undefined if it may be. */
export function unknownHost({ host = '' }: IncomingHttpHeaders, settings: AdminSettings): string | undefined {
  if (isKnownHost(host, settings.hosts)) return undefined;
  return (
    `Host is ${JSON.stringify(host)}: without ADMIN_TOKEN it must be localhost, an IP address, ` +
    'or a name in ADMIN_HOSTS'
  );
}

/** @returns whether a browser says that a page of another origin makes the call. */
export function isOfOtherSite({ 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  return site !== undefined && site !== 'none' && site !== 'same-origin';
}

/** @returns the name of a field that shows that a call came through a proxy, if there is one. */
export function proxyField(headers: IncomingHttpHeaders): string | undefined {
  return Object.keys(headers).find(
    (name) =>
      name === 'forwarded' || name === 'via' || name === 'x-real-ip' || name.startsWith('x-forwarded-'),
  );
}

/** @returns whether a web page may have made a call with these headers. */
export function mayBeOfPage(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

/** A page whose name was rebound to this address has that name in `Host`. An address cannot be rebound. */
function isKnownHost(host: string, hosts: ReadonlySet<string>): boolean {
  const [, ipv6, name = ''] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d{1,5})?$/.exec(host) ?? [];
  if (ipv6 !== undefined) return isIP(ipv6) === 6;
  const lower = name.toLowerCase();
  return lower === 'localhost' || isIP(name) === 4 || hosts.has(lower);
}

function isOwnOrigin(origin: string, host: string): boolean {
  // `null` and lists of origins are not URLs.
  if (!URL.canParse(origin) || !URL.canParse(`http://${host}`)) return false;
  const { protocol, host: from } = new URL(origin);
  return protocol === 'http:' && from === new URL(`http://${host}`).host;
}
