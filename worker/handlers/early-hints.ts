import type { InformationEvent } from 'node:http';
import { stripHopByHop, withoutField } from '#shared/contract/headers.ts';

/** How many early hints of one answer are passed on. */
const maxHints = 8;

/**
 * @returns a listener of a request to an upstream that passes its early hints on (RFC 8297). Other
 * informational answers are ignored (RFC 9110 15.2).
 */
export function hintsOf(onHints: (headers: readonly string[]) => void): (answer: InformationEvent) => void {
  let left = maxHints;
  return ({ statusCode, rawHeaders }) => {
    if (statusCode !== 103 || left === 0) return;
    left -= 1;
    // A length would be taken for that of the final answer.
    onHints(withoutField(stripHopByHop(rawHeaders), 'content-length'));
  };
}
