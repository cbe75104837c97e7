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
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  if (!isKnownHost(host, settings.hosts)) {
    return (
      `Host is ${JSON.stringify(host)}: without ADMIN_TOKEN it must be localhost, an IP address, ` +
      'or a name in ADMIN_HOSTS'
    );
  }
  const proxy = settings.trusted ? undefined : proxyField(headers);
  if (proxy !== undefined) {
    return (
      `the call came through a proxy (${proxy}): ${needsToken}, ` +
      'or set ADMIN_AUTH=none where the network is trusted'
    );
  }
  if (site !== undefined && site !== 'none' && site !== 'same-origin') {
    return `a page of another origin makes the call (Sec-Fetch-Site): ${needsToken}`;
  }
  if (origin !== undefined && !isOwnOrigin(origin, host)) {
    return `a page of another origin makes the call (Origin): ${needsToken}`;
  }
  return undefined;
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

/** @returns the name of a field that proxies add, if there is one. */
function proxyField(headers: IncomingHttpHeaders): string | undefined {
  return Object.keys(headers).find(
    (name) =>
      name === 'forwarded' || name === 'via' || name === 'x-real-ip' || name.startsWith('x-forwarded-'),
  );
}

function isOwnOrigin(origin: string, host: string): boolean {
  // `null` and lists of origins are not URLs.
  if (!URL.canParse(origin) || !URL.canParse(`http://${host}`)) return false;
  const { protocol, host: from } = new URL(origin);
  return protocol === 'http:' && from === new URL(`http://${host}`).host;
}
