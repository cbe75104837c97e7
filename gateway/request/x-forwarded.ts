import type { BlockList } from 'node:net';
import { headerValue } from '#shared/contract/headers.ts';
import { isIn } from '../edge/subnets.ts';
import { nodeAddress } from './client-address.ts';
import { headerValues } from './field-values.ts';
import { ForwardedParser } from './forwarded-parser.ts';
import { maxFieldBytes } from './own-fields.ts';

/**
 * Adds the `X-Forwarded-For`, `-Proto` and `-Host` that a trusted proxy has not sent, from the `Forwarded`
 * that it has sent. For any other request the worker makes these fields, so that they need not travel.
 * Protocol and host are those of the client's own connection, as the outermost trusted proxy names them.
 * @param headers alternating names and values, with the gateway's own `Forwarded` as the last one.
 * @param trusted proxies that may say who the client is.
 */
export function addXForwarded(headers: string[], trusted: BlockList): void {
  const fields = headerValues(headers, 'forwarded');
  if (fields.length < 2) return;
  const elements = new ForwardedParser(fields.join(',')).elements() ?? [];
  let proto: string | undefined;
  let host: string | undefined;
  for (const element of elements.toReversed()) {
    proto = element.get('proto') ?? proto;
    host = element.get('host') ?? host;
    const address = nodeAddress(element.get('for') ?? '');
    if (address === undefined || !isIn(trusted, address)) break;
  }
  const path = elements.map((element) => nodeAddress(element.get('for') ?? '') ?? 'unknown').join(', ');
  const missing = (name: string): boolean => headerValue(headers, name) === undefined;
  if (path.length <= maxFieldBytes && missing('x-forwarded-for')) headers.push('X-Forwarded-For', path);
  if (proto !== undefined && missing('x-forwarded-proto')) headers.push('X-Forwarded-Proto', proto);
  if (host !== undefined && missing('x-forwarded-host')) headers.push('X-Forwarded-Host', host);
}
