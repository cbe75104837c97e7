import type { HttpRequest } from '#shared/contract/http.ts';
import { completeTarget, isRedacted, missingParameters } from '#shared/contract/redaction.ts';
import { Problem } from '#shared/contract/errors.ts';
import type { LetterRequest } from '#shared/store/dead-letter.ts';

/** What a call gives of a request that a letter did not keep. Null leaves out what was not kept. */
export interface Given {
  /** Values of header fields by their names, in lower case. */
  readonly headers: Readonly<Record<string, string | null>>;
  /** Values of query parameters by their names. */
  readonly query: Readonly<Record<string, string | null>>;
  readonly body?: Uint8Array;
}

/**
 * Puts the request of a letter together with what is given: header fields in place of those that were not kept, or more
 * of them; values of query parameters that were not kept; a body.
 * @throws {Problem} that names what lacks: `answer_gone` if it is the body alone, else `request_malformed`.
 */
export function complete(request: LetterRequest, given: Given): HttpRequest {
  const { method } = request;
  const { headers, lacking } = completeFields(request.headers, given.headers);
  const target = completeTarget(request.target, given.query);
  const body = given.body ?? request.body;
  const lacks = [
    ...lacking.map((name) => `the header ${name}`),
    ...missingParameters(target).map((name) => `the query parameter ${name}`),
  ];
  if (body !== undefined && lacks.length === 0) {
    return { method, target, headers: given.body === undefined ? headers : withLength(headers, body), body };
  }
  if (body === undefined) lacks.push('the body');
  throw new Problem(
    body === undefined && lacks.length === 1 ? 'answer_gone' : 'request_malformed',
    `The dead letter does not keep ${lacks.join(', ')}; give it in the body of this call, such as ` +
      '{"headers":{"authorization":"Bearer …"},"query":{"token":"…"},"body":"…"}; null leaves a field or parameter out.',
  );
}

function completeFields(
  kept: readonly string[],
  given: Given['headers'],
): { readonly headers: string[]; readonly lacking: readonly string[] } {
  const headers: string[] = [];
  const lacking = new Set<string>();
  for (let at = 0; at + 1 < kept.length; at += 2) {
    const [name = '', value = ''] = kept.slice(at, at + 2);
    const lower = name.toLowerCase();
    if (Object.hasOwn(given, lower)) continue;
    if (isRedacted(name, value)) lacking.add(lower);
    else headers.push(name, value);
  }
  for (const [name, value] of Object.entries(given)) if (value !== null) headers.push(name, value);
  return { headers, lacking: [...lacking] };
}

/** @returns the fields with the length of the body that was given. */
function withLength(headers: readonly string[], body: Uint8Array): string[] {
  const others = headers.filter((_, at) => headers[at - (at % 2)]?.toLowerCase() !== 'content-length');
  return [...others, 'Content-Length', String(body.length)];
}
