import type { IncomingHttpHeaders } from 'node:http';
import type { BlockList } from 'node:net';
import { isIn } from '../edge/subnets.ts';
import { ForwardedParser } from '../request/forwarded-parser.ts';

/** A call, and the address of the other end of its connection. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly peer: string;
}

/**
 * @param trusted proxies that may say by which scheme and host a page was asked for.
 * @returns the origin of this listener's pages as the caller's browser sees it, e.g. `http://127.0.0.1:5001`;
 * undefined if `Host` is no host.
 */
export function ownOrigin({ headers, peer }: Received, trusted: BlockList | undefined): string | undefined {
  const proxied = trusted !== undefined && isIn(trusted, peer);
  const { proto = 'http', host = headers.host ?? '' } = proxied ? toldByProxy(headers) : {};
  const url = `${proto.toLowerCase()}://${host}`;
  if (!/^https?:\/\/[^/?#@\\]+$/.test(url) || !URL.canParse(url)) return undefined;
  return new URL(url).origin;
}

/** The last elements are those of the trusted proxy itself; a client can write the others. */
function toldByProxy(headers: IncomingHttpHeaders): { proto?: string; host?: string } {
  const forwarded = new ForwardedParser(textOf(headers.forwarded)).elements()?.at(-1);
  const proto = forwarded?.get('proto') ?? lastOf(headers['x-forwarded-proto']);
  const host = forwarded?.get('host') ?? lastOf(headers['x-forwarded-host']);
  return { ...(proto !== undefined && { proto }), ...(host !== undefined && { host }) };
}

function lastOf(field: string | string[] | undefined): string | undefined {
  return textOf(field).split(',').at(-1)?.trim() || undefined;
}

function textOf(field: string | string[] = ''): string {
  return Array.isArray(field) ? field.join(',') : field;
}
