import type { ServerResponse } from 'node:http';
import { stripHopByHop } from '#shared/contract/headers.ts';
import { http } from '#shared/contract/node-http.ts';

/**
 * Writes an informational answer 103 (RFC 8297) before the head of the answer. Hints that HTTP does not allow
 * are left out: the answer does not need them. A client of HTTP/1.0 would not understand them.
 * @param headers alternating names and values.
 */
export function writeEarlyHints(response: ServerResponse, headers: readonly string[]): void {
  const { req } = response;
  if (response.headersSent || response.closed) return;
  if (req.httpVersionMajor === 1 && req.httpVersionMinor === 0) return;
  try {
    response.writeEarlyHints(hintsOf(stripHopByHop(headers)));
  } catch {
    // Node checks the links.
  }
}

/** @throws {TypeError} if a name or a value is not one of HTTP. */
function hintsOf(headers: readonly string[]): Record<string, string | string[]> {
  const valuesOf = new Map<string, string[]>();
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    http.validateHeaderName(name);
    http.validateHeaderValue(name, value);
    const key = name.toLowerCase();
    const values = valuesOf.get(key);
    if (values === undefined) valuesOf.set(key, [value]);
    else values.push(value);
  }
  const entries = Array.from(valuesOf, ([name, values]) =>
    // Node makes one field of all links.
    name === 'link' ? ([name, values] as const) : ([name, values.join(', ')] as const),
  );
  return Object.fromEntries(entries);
}
