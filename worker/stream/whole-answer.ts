import { strict as assert } from 'node:assert';
import type { HttpReply } from '#shared/contract/http.ts';
import type { SourcedReply } from '../handlers/handler.ts';
import type { ReplyBudget } from '../handlers/reply-budget.ts';
import { gatherStart } from './gathered-start.ts';
import { isStream } from './started-stream.ts';

/**
 * Reads an answer to its end.
 * @param id of the request.
 * @param budget limits the bytes of this answer, and of all answers of the worker.
 * @param signal of the request.
 * @returns the whole answer, which is 502 `reply_too_large` above the limit, and a problem if it breaks off.
 * Rejects with what the source fails with otherwise, and with the reason of the signal.
 */
export async function gatherWhole(
  reply: SourcedReply,
  id: string,
  budget: ReplyBudget,
  signal: AbortSignal,
): Promise<HttpReply> {
  const terms = { id, budget, aboveBytes: budget.limitBytes };
  const start = await gatherStart(reply, 'whole', terms, signal);
  assert(!isStream(start), 'an answer that is to be whole is no stream');
  return start;
}
