import type { HttpReply } from '#shared/contract/http.ts';
import { problemReply } from '#shared/contract/problem.ts';
import { headLimitBytes } from './upstream-connections.ts';

/** Node's codes for a head that HTTP cannot carry. */
const refused: ReadonlySet<string> = new Set([
  'ERR_INVALID_HTTP_TOKEN',
  'ERR_UNESCAPED_CHARACTERS',
  'ERR_INVALID_CHAR',
]);

/** @returns a short name of the failure. Its message may contain addresses, and parts of an answer. */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** @returns the reply to a request that could not be started. */
export function refusedReply(error: unknown): HttpReply {
  const code = error instanceof Error ? codeOf(error) : '';
  if (!refused.has(code)) throw error;
  return problemReply('method_not_supported', `The request cannot be sent to an upstream: ${code}.`);
}

/** The replies of {@link failureReply}. */
const brokenOff = new WeakSet<object>();

/** @returns whether a reply is ours because its connection broke or could not be made. */
export function brokeOff(reply: object): boolean {
  return brokenOff.has(reply);
}

/**
 * @param sent whether any byte of the request may have left.
 * @returns the reply to a request whose exchange failed.
 */
export function failureReply(error: Error, sent: boolean): HttpReply {
  const reply = failureOf(error, sent);
  brokenOff.add(reply);
  return reply;
}

function failureOf(error: Error, sent: boolean): HttpReply {
  const code = codeOf(error);
  if (!sent) return unreachableReply(`No connection to the upstream could be made: ${code}.`);
  if (code === 'HPE_HEADER_OVERFLOW') {
    return unreadableReply(`its head has more than ${headLimitBytes} bytes`);
  }
  if (code.startsWith('HPE_')) return unreadableReply('it is not HTTP/1.1');
  const detail = `The connection to the upstream broke before the answer was whole: ${code}.`;
  return problemReply('outcome_unknown', detail);
}

/** @returns the reply to a request of which nothing was sent. */
export function unreachableReply(detail: string): HttpReply {
  return problemReply('upstream_unreachable', detail);
}

/** @returns the reply to a request whose answer cannot be passed on. */
export function unreadableReply(reason: string): HttpReply {
  return problemReply('outcome_unknown', `The answer of the upstream cannot be passed on: ${reason}.`);
}
