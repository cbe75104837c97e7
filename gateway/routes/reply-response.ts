import type { ServerResponse } from 'node:http';
import { asBuffer } from '#shared/contract/body.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';
import { reasonPart } from '#shared/contract/reason.ts';
import { Problem } from '#shared/contract/errors.ts';
import { replyHeaders } from '../request/forwarding.ts';
import { noteBody, noteWorkerProblem } from '../http/answer.ts';
import { writeProblem } from '../http/problem-response.ts';
import type { UnsentWatcher } from '../streams/client-stream.ts';

/** A body of up to this many bytes is written together with the head, as one string. */
const textLimit = 4096;

/**
 * Writes the answer of a replica, byte for byte.
 * @param method of the request: the answer to HEAD has a length and no body.
 * @param own header fields of the gateway, alternating names and values.
 * @param unsent watches an answer that is not sent at once.
 */
export function writeReply(
  response: ServerResponse,
  method: string,
  reply: HttpReply,
  own: readonly string[],
  unsent: UnsentWatcher,
): void {
  const { body } = reply;
  if (!writeReplyHead(response, reply, replyHeaders(method, reply), own)) return;
  noteBody(response, body.length);
  if (body.length === 0) response.end();
  else if (body.length > textLimit) unsent.end(response, body);
  else response.end(asBuffer(body).toString('latin1'), 'latin1');
}

/**
 * Writes the head of a replica's answer.
 * @param headers those of the answer, as they go to the client; alternating names and values.
 * @param own header fields of the gateway, likewise.
 * @returns false if HTTP does not allow this head: then a problem was answered.
 */
export function writeReplyHead(
  response: ServerResponse,
  { problem, status, reason }: ReplyHead,
  headers: readonly string[],
  own: readonly string[],
): boolean {
  if (problem !== undefined) noteWorkerProblem(response, problem);
  const phrase = reason === undefined ? undefined : reasonPart(status, reason).reason;
  const all = headers.concat(own);
  try {
    if (phrase === undefined) response.writeHead(status, all);
    else response.writeHead(status, phrase, all);
    return true;
  } catch (error) {
    // A handler can make a status or a header that HTTP does not allow, e.g. one with a control character.
    response.statusMessage = '';
    const why = error instanceof Error ? error.message : String(error);
    writeProblem(response, new Problem('handler_failed', `The answer cannot be sent: ${why}`), own);
    return false;
  }
}
