import { headerValue } from '#shared/contract/headers.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';
import type { RequestRecord, StreamRecord } from '#shared/contract/request-record.ts';
import type { TakenOver } from '#shared/store/streams/kept-streams.ts';
import type { ResumePoint } from '../handlers/handler.ts';
import { isEventStream } from './stream-decision.ts';

/**
 * @param begun the stream that the record has.
 * @param retriesAlways whether the request came with `Ringpost-Retry: always`.
 * @returns whether an answer that a dead worker has begun may be taken up: a kept stream of events.
 */
export function mayResume(begun: StreamRecord | undefined, retriesAlways: boolean): begun is StreamRecord {
  return retriesAlways && begun !== undefined && isEventStream(typeOf(begun));
}

/**
 * @returns where the answer goes on that was taken over; undefined if that is not between two events, so that
 * it cannot go on.
 */
export function resumePointOf({ offset, lastId }: TakenOver): ResumePoint | undefined {
  if (lastId === undefined) return undefined;
  return lastId === '' ? { offset } : { offset, lastEventId: lastId };
}

/**
 * @param begun the head that the record has.
 * @returns whether an answer goes on where another one was left: it has the same status and type, and says
 * where it goes on, by the offset or by the id of the last event.
 */
export function goesOn(head: ReplyHead, begun: StreamRecord, { offset, lastEventId }: ResumePoint): boolean {
  if (head.problem !== undefined || head.status !== begun.status) return false;
  if (typeOf(head) !== typeOf(begun)) return false;
  const said = headerValue(head.headers, 'ringpost-resumed-from');
  return said !== undefined && (said === String(offset) || said === lastEventId);
}

/**
 * @param notBefore when the request was due; undefined if it had no delay.
 * @returns how long the request had to run, from its acceptance or the end of its delay to its deadline, in
 * ms.
 */
export function timeToRun(
  { accepted, deadline }: Pick<RequestRecord, 'accepted' | 'deadline'>,
  notBefore = accepted,
): number {
  return Math.max(0, deadline - Math.max(accepted, notBefore));
}

function typeOf(head: Pick<ReplyHead, 'headers'>): string | undefined {
  return headerValue(head.headers, 'content-type')?.trim().toLowerCase();
}
