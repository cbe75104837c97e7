import type { IncomingMessage } from 'node:http';
import type { BlockList } from 'node:net';
import { isEndToEnd } from '#shared/contract/end-to-end-fields.ts';
import { headerValue, isHopByHop, namedInConnection } from '#shared/contract/headers.ts';
import { isToldField } from '#shared/contract/told-fields.ts';
import { Problem } from '#shared/contract/errors.ts';
import { isIn } from '../edge/subnets.ts';
import { clientOf, extendForwardedFor } from './client-address.ts';
import { addXForwarded } from './x-forwarded.ts';

const via = 'ringpost';

/** What a gateway makes of the headers of a request on their way to the replica. */
export interface ForwardingRules {
  /** Peers that may say whom a request comes from; undefined if there are none. */
  readonly trusted: BlockList | undefined;
  /** Names, in lower case, of the fields that keys are read from. */
  readonly keyFields: ReadonlySet<string>;
  /** Whether upstreams get `X-Forwarded-*` beside `Forwarded`. */
  readonly xForwarded: boolean;
}

/** The headers of a request as they go to the replica, and whom it comes from. */
export interface ForwardedHead {
  readonly headers: string[];
  /** The client's address. */
  readonly ip: string;
}

/**
 * The head of a request as it goes to the replica: hop-by-hop fields are stripped, `Via` (RFC 9110 7.6.3) and
 * `Forwarded` (RFC 7239) are added, `Host` is kept. What only ringpost tells an upstream is stripped, and so is
 * what says whom a request comes from, unless the peer is a trusted proxy; then it is extended.
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

/** @returns the headers without those of the hop, and without those that this peer may not send. */
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
    if (saysOrigin(lower) && (fromClient || lower.includes('_'))) continue;
    kept.push(name, raw[at + 1] ?? '');
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
 * @returns whether a field says whom a request comes from. Programs that follow CGI read `X_Forwarded_For` as
 * `X-Forwarded-For`; no proxy sends it.
 */
function saysOrigin(name: string): boolean {
  if (name.startsWith('x')) return /^x[-_](?:forwarded[-_]|real[-_]ip$)/.test(name);
  return name === 'forwarded';
}

function forwarded(ip: string, host: string | undefined): string {
  // An address of a socket is one of the two.
  const node = ip.includes(':') ? `"[${ip}]"` : ip || 'unknown';
  const quoted = host === undefined ? '' : `;host="${host.replaceAll(/["\\]/g, '\\$&')}"`;
  return `for=${node}${quoted};proto=http`;
}
