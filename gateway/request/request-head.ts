import type { IncomingMessage } from 'node:http';
import type { BlockList } from 'node:net';
import { isEndToEnd } from '#shared/contract/end-to-end-fields.ts';
import { headerValue, isHopByHop, namedInConnection } from '#shared/contract/headers.ts';
import { isToldField } from '#shared/contract/told-fields.ts';
import { Problem } from '#shared/contract/errors.ts';
import { isIn } from '../edge/subnets.ts';
import { clientOf, extendForwardedFor } from './client-address.ts';
import { withoutSession } from './session-cookie.ts';
import { addXForwarded } from './x-forwarded.ts';

const via = 'ringpost';

/** How a gateway changes the headers of a request on their way to the replica. */
export interface ForwardingRules {
  /** Peers that may say who the client is; undefined if there are none. */
  readonly trusted: BlockList | undefined;
  /** Names, in lower case, of the fields from which keys are read. */
  readonly keyFields: ReadonlySet<string>;
  /** Whether upstreams get `X-Forwarded-*` in addition to `Forwarded`. */
  readonly xForwarded: boolean;
}

/** The headers of a request as they go to the replica, and its client. */
export interface ForwardedHead {
  readonly headers: string[];
  /** The client's address. */
  readonly ip: string;
}

/**
 * Makes the head of a request as it goes to the replica. Hop-by-hop fields are removed, `Via` (RFC 9110
 * 7.6.3) and `Forwarded` (RFC 7239) are added, `Host` is kept. Fields that only ringpost may send to an
 * upstream are removed, and so is the cookie of the dashboard. Fields that name the client are removed too,
 * unless the peer is a trusted proxy; then they are extended.
 * @param peer the address of the other end of the connection.
 * @throws {Problem} `request_malformed` if `Connection` names an end-to-end field, or if a trusted proxy's
 * fields cannot be read.
 */
export function forwardedHead(raw: IncomingMessage, peer: string, rules: ForwardingRules): ForwardedHead {
  const { trusted } = rules;
  const proxied = trusted !== undefined && isIn(trusted, peer);
  const headers = requestHeaders(raw.rawHeaders, !proxied, rules.keyFields);
  if (proxied) extendForwardedFor(headers, peer);
  headers.push(
    'Via',
    `${raw.httpVersion} ${via}`,
    'Forwarded',
    forwarded(peer, headerValue(headers, 'host')),
  );
  if (!proxied) return { headers, ip: peer };
  const ip = clientOf(headers, trusted);
  if (rules.xForwarded) addXForwarded(headers, trusted);
  return { headers, ip };
}

/** @returns the headers without hop-by-hop fields, and without those that this peer may not send. */
function requestHeaders(
  raw: readonly string[],
  fromClient: boolean,
  keyFields: ReadonlySet<string>,
): string[] {
  const listed = namedInConnection(raw);
  const named = listed.length === 0 ? undefined : new Set(listed);
  if (named !== undefined) checkNamed(named, keyFields);
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const lower = name.toLowerCase();
    if (isHopByHop(lower) || named?.has(lower) || isToldField(lower)) continue;
    if (namesClient(lower) && (fromClient || lower.includes('_'))) continue;
    const value = raw[at + 1] ?? '';
    const sent = lower === 'cookie' ? withoutSession(value) : value;
    if (sent !== undefined) kept.push(name, sent);
  }
  return kept;
}

/** @throws {Problem} `request_malformed` if one of the names is that of an end-to-end field. */
function checkNamed(named: Iterable<string>, keyFields: ReadonlySet<string>): void {
  for (const name of named) {
    if (!isEndToEnd(name) && !keyFields.has(name)) continue;
    const detail =
      `Connection names ${JSON.stringify(name.slice(0, 100))}. A field of that name is for the replica and ` +
      'not for one connection; leave it out of Connection.';
    throw new Problem('request_malformed', detail);
  }
}

/**
 * @returns whether a field names the client. Programs that follow CGI read `X_Forwarded_For` as
 * `X-Forwarded-For`; no proxy sends that.
 */
function namesClient(name: string): boolean {
  if (name.startsWith('x')) return /^x[-_](?:forwarded[-_]|real[-_]ip$)/.test(name);
  return name === 'forwarded';
}

function forwarded(ip: string, host: string | undefined): string {
  // The address of a socket is IPv4 or IPv6.
  const node = ip.includes(':') ? `"[${ip}]"` : ip || 'unknown';
  const quoted = host === undefined ? '' : `;host="${host.replaceAll(/["\\]/g, '\\$&')}"`;
  return `for=${node}${quoted};proto=http`;
}
