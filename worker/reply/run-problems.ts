import type { JobData } from '#shared/contract/job.ts';
import { problemReply } from '#shared/contract/problem.ts';
import type { HandlerReply } from '../handlers/handler.ts';

/**
 * The reply to a request that was not done by its deadline. If a client waits, its gateway has answered 504
 * by itself.
 */
function expiredReply({ keepMs }: JobData): HandlerReply | undefined {
  return keepMs === undefined ? undefined : problemReply('reply_timeout', 'It was not done by its deadline.');
}

/** @param worker the replica whose worker has run the request. */
export function handlerFailedReply(worker: string): HandlerReply {
  return problemReply('handler_failed', `The handler of replica ${worker} failed on this request.`);
}

/** The reply to a request whose handler is no longer waited for. */
export function abortedReply({ reason }: AbortSignal, job: JobData): HandlerReply | undefined {
  const isCancelled = reason instanceof DOMException && reason.name === 'AbortError';
  return isCancelled
    ? problemReply('cancelled', 'The request was cancelled while it was run.')
    : expiredReply(job);
}
