import type { IncomingHttpHeaders } from 'node:http';
import { mayBeOfPage } from './untrusted.ts';

const json = 'application/json';

/**
 * A web page can send text and forms to another site without a preflight request, but not JSON. People with
 * curl may leave the content type out.
 * @returns what is wrong with how a change is sent; undefined if nothing is.
 */
export function bodyFault(method: string, headers: IncomingHttpHeaders): string | undefined {
  if (!mayBeOfPage(headers) || isJson(headers['content-type'])) return undefined;
  // Without a body only POST can be sent without a preflight.
  if (method !== 'POST' && !hasBody(headers)) return undefined;
  return `the body must be sent as Content-Type: ${json}`;
}

/** Makes Fastify read the body of a change as JSON, whatever its content type says. */
export function readAsJson(headers: IncomingHttpHeaders): void {
  if (hasBody(headers) && !isJson(headers['content-type'])) headers['content-type'] = json;
}

function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/json *(?:;|$)/i.test(contentType);
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || !/^0*$/.test(headers['content-length'] ?? '');
}
