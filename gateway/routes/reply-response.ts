import type { ServerResponse } from 'node:http';
import { asBuffer } from '#shared/contract/body.ts';
import type { HttpReply } from '#shared/contract/http.ts';
import { reasonPart } from '#shared/contract/reason.ts';
import { Problem } from '#shared/contract/errors.ts';
import { replyHeaders } from '../request/forwarding.ts';
import { noteBody, noteWorkerProblem } from '../http/answer.ts';
import { writeProblem } from '../http/problem-response.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

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
  unsent: UnsentAnswers,
): void {
  const { problem, status, body } = reply;
  if (problem !== undefined) noteWorkerProblem(response, problem);
  const phrase = reply.reason === undefined ? undefined : reasonPart(status, reply.reason).reason;
  try {
    const headers = replyHeaders(method, reply).concat(own);
    if (phrase === undefined) response.writeHead(status, headers);
    else response.writeHead(status, phrase, headers);
  } catch (error) {
    // A handler can make a status or a header that HTTP does not allow, e.g. one with a control character.
    response.statusMessage = '';
    const reason = error instanceof Error ? error.message : String(error);
    writeProblem(response, new Problem('handler_failed', `The answer cannot be sent: ${reason}`), own);
    return;
  }
  noteBody(response, body.length);
  if (body.length === 0) response.end();
  else if (body.length > textLimit) unsent.end(response, body);
  else response.end(asBuffer(body).toString('latin1'), 'latin1');
}
