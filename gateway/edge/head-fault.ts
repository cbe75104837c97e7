import type { IncomingMessage } from 'node:http';
import { Problem } from '#shared/contract/errors.ts';
import { isHost } from './host.ts';
import { authorityOf, targetFault } from './request-target.ts';

/**
 * Checks the head of a request before other code reads it. If the target is in absolute form, its authority
 * replaces `Host` (RFC 9112 3.2.2), so that all code sees the same host.
 * @param target as it was received.
 * @param maxFields the number of header fields that a request may have.
 * @returns why the request is refused; undefined if it is not.
 */
export function headFault(raw: IncomingMessage, target: string, maxFields: number): Problem | undefined {
  const { method = 'GET', rawHeaders } = raw;
  if (rawHeaders.length > 2 * maxFields) {
    return new Problem(
      'header_too_large',
      `The head has more than ${maxFields} header fields (HEAD_LIMIT_FIELDS).`,
    );
  }
  const authority = authorityOf(target);
  const fault = hostFault(raw, authority !== undefined) ?? targetFault(method, target);
  if (fault !== undefined) return new Problem('request_malformed', fault);
  if (authority !== undefined) replaceHost(raw, authority);
  return expectationFault(raw) ?? upgradeFault(raw);
}

/** @returns what is wrong with a request's `Host`, if anything. There must be exactly one (RFC 9112 3.2). */
function hostFault({ rawHeaders, httpVersion }: IncomingMessage, isReplaced: boolean): string | undefined {
  let host: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (host !== undefined) return 'The request has more than one Host.';
    host = rawHeaders[at + 1] ?? '';
  }
  if (host === undefined) return httpVersion === '1.1' ? 'The request has no Host.' : undefined;
  if (isHost(host) || (host === '' && isReplaced)) return undefined;
  return `Host is ${JSON.stringify(host.slice(0, 100))}; it must be a host, with or without a port.`;
}

function replaceHost(raw: IncomingMessage, authority: string): void {
  const { rawHeaders, headers } = raw;
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  if (at < 0) rawHeaders.unshift('Host', authority);
  else rawHeaders[at + 1] = authority;
  headers.host = authority;
}

/** In HTTP/1.0 an expectation is ignored, and so is an upgrade (RFC 9110 10.1.1, 7.8). */
function expectationFault({ headers, httpVersion }: IncomingMessage): Problem | undefined {
  const { expect } = headers;
  if (expect === undefined || httpVersion !== '1.1') return undefined;
  // Node itself takes all of these for 100-continue.
  if (/(?:^|\W)100-continue(?:$|\W)/i.test(expect)) return undefined;
  const shown = JSON.stringify(expect.slice(0, 100));
  return new Problem('expectation_failed', `Expect is ${shown}; only 100-continue is supported.`);
}

/**
 * An offer of another protocol, or of several, may be ignored (RFC 9110 7.8). A client that offers only
 * WebSocket needs it.
 */
function upgradeFault({ headers, httpVersion }: IncomingMessage): Problem | undefined {
  const { upgrade, connection = '' } = headers;
  if (upgrade === undefined || httpVersion !== '1.1' || upgrade.trim().toLowerCase() !== 'websocket') {
    return undefined;
  }
  if (!connection.split(',').some((option) => option.trim().toLowerCase() === 'upgrade')) return undefined;
  return new Problem('upgrade_not_supported', 'Upgrades such as WebSocket are not supported.');
}
