import type { HttpRequest } from '#shared/contract/http.ts';
import { completeTarget, isRedacted, missingParameters } from '#shared/contract/redaction.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { LetterRequest } from '#shared/store/records/dead-letter.ts';

/** The parts of a request that a letter did not keep, as a call gives them. Null leaves a part out. */
export interface Given {
  /** Values of header fields by their names, in lower case. */
  readonly headers: Readonly<Record<string, string | null>>;
  /** Values of query parameters by their names. */
  readonly query: Readonly<Record<string, string | null>>;
  readonly body?: Uint8Array;
}

/**
 * Completes the request of a letter with what is given: header fields that were not kept, or more of them;
 * values of query parameters that were not kept; a body.
 * @throws {Problem} that names what is missing: `answer_gone` if only the body is, else `request_malformed`.
 */
export function complete(request: LetterRequest, given: Given): HttpRequest {
  const { method } = request;
  const { headers, missingFields } = completeFields(request.headers, given.headers);
  const target = completeTarget(request.target, given.query);
  const body = given.body ?? request.body;
  const missing = [
    ...missingFields.map((name) => `the header ${name}`),
    ...missingParameters(target).map((name) => `the query parameter ${name}`),
  ];
  if (body !== undefined && missing.length === 0) {
    return { method, target, headers: given.body === undefined ? headers : withLength(headers, body), body };
  }
  if (body === undefined) missing.push('the body');
  throw new Problem(
    body === undefined && missing.length === 1 ? 'answer_gone' : 'request_malformed',
    `The dead letter does not keep ${missing.join(', ')}; give it in the body of this call, such as ` +
      '{"headers":{"authorization":"Bearer …"},"query":{"token":"…"},"body":"…"}; ' +
      'null leaves a field or parameter out.',
  );
}

function completeFields(
  kept: readonly string[],
  given: Given['headers'],
): { readonly headers: string[]; readonly missingFields: readonly string[] } {
  const headers: string[] = [];
  const missing = new Set<string>();
  for (let at = 0; at + 1 < kept.length; at += 2) {
    const [name = '', value = ''] = kept.slice(at, at + 2);
    const lower = name.toLowerCase();
    if (Object.hasOwn(given, lower)) continue;
    if (isRedacted(name, value)) missing.add(lower);
    else headers.push(name, value);
  }
  for (const [name, value] of Object.entries(given)) if (value !== null) headers.push(name, value);
  return { headers, missingFields: [...missing] };
}

/** @returns the fields with the length of the given body. */
function withLength(headers: readonly string[], body: Uint8Array): string[] {
  const others = headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
  return [...others, 'Content-Length', String(body.length)];
}
