import { headerValue } from '#shared/contract/headers.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';
import type { ResumePoint } from '../handlers/handler.ts';

/** The field in which an answer says where it goes on. */
const resumedFrom = 'ringpost-resumed-from';

/**
 * Decides whether the answer of another run goes on where the kept bytes end. Pure.
 * @param kept the head that the kept bytes began with.
 * @param from where they end.
 */
export function goesOn(answer: ReplyHead, kept: Omit<ReplyHead, 'problem'>, from: ResumePoint): boolean {
  if (answer.problem !== undefined || answer.status !== kept.status) return false;
  if (headerValue(answer.headers, 'content-type') !== headerValue(kept.headers, 'content-type')) return false;
  const said = headerValue(answer.headers, resumedFrom);
  if (said === undefined) return false;
  return said === String(from.offset) || (from.lastEventId !== undefined && said === from.lastEventId);
}
