import type { ServerResponse } from 'node:http';
import { Problem, retryAfterSeconds } from '#shared/contract/errors.ts';
import { headOf } from '#shared/contract/reply.ts';
import type { Reply, Run } from '#shared/contract/reply.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { KeptReplies } from '#shared/store/records/kept-replies.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { acceptAndWait } from '../async/accept-and-wait.ts';
import type { AcceptAndWaitOptions, Waited } from '../async/accept-and-wait.ts';
import { ranOf } from '../dispatch/ran.ts';
import { noteBody, noteBodyDone, noteOutcome } from '../http/answer.ts';
import { ownAnswerFields } from '../http/own-answer-fields.ts';
import { writeProblem } from '../http/problem-response.ts';
import type { NotedOutcome, Ran } from '../http/request-notes.ts';
import { setRateFields } from '../limits/rate-fields.ts';
import { readAnswer } from '../records/kept-answer.ts';
import { readableStream } from '../streams/readable-answer.ts';
import type { KeptStreamParts } from '../streams/readable-answer.ts';
import { requestPath, viewOf } from '../records/request-view.ts';
import type { AsyncParsedRequest } from '../request/parsed-request.ts';
import { appliedPreference } from '../request/prefer.ts';
import type { FollowedAnswerParts } from '../streams/followed-answer.ts';
import { streamAnswerOf } from './reply-range.ts';
import { writeReply } from './reply-response.ts';
import { writeStream } from './stream-response.ts';

export interface AsyncAnswerOptions extends AcceptAndWaitOptions, FollowedAnswerParts {
  readonly replies: KeptReplies;
  readonly keptStreams: KeptStreamParts;
}

/**
 * Answers an async request from its record. With `Prefer: respond-async` (RFC 7240 4.1): 202 as soon as it is
 * durable, or its answer if that comes within `wait`. With an `Idempotency-Key`: the first answer, also to
 * those who repeat it. An answer that is a kept stream is followed from its start.
 */
export async function answerAsync(
  options: AsyncAnswerOptions,
  parsed: AsyncParsedRequest,
  response: ServerResponse,
): Promise<void> {
  const { held } = options;
  const { length } = parsed.request.body;
  held.takeRequest(length);
  try {
    await answer(options, parsed, response);
  } finally {
    held.giveRequest(length);
  }
}

async function answer(
  options: AsyncAnswerOptions,
  parsed: AsyncParsedRequest,
  response: ServerResponse,
): Promise<void> {
  const waited = await acceptAndWait(options, parsed, {
    socket: response.req.socket,
    // It may be a repeat, so it has not spilled yet.
    onSelected: ({ id, replica }) => noteOutcome(response, { id, replica }),
    onCounted: (fields) => setRateFields(response, fields),
  });
  if (waited === undefined) return;
  const isFollowed = await answerWaited(options, parsed, response, waited).catch((error: unknown) => {
    waited.watch?.end();
    throw error;
  });
  if (!isFollowed) waited.watch?.end();
}

/** @returns whether the answer follows a kept stream, and ends the client's watch. */
async function answerWaited(
  options: AsyncAnswerOptions,
  parsed: AsyncParsedRequest,
  response: ServerResponse,
  waited: Waited,
): Promise<boolean> {
  const { replies, held, unsent } = options;
  const { preference } = parsed;
  const { socket } = response.req;
  const { request, isRepeat } = waited;
  const outcome = outcomeOf(waited);
  noteOutcome(response, outcome);
  const own = ownAnswerFields(request.id, request.replica, request.record.spilledFrom);
  if (preference.respondAsync) own.push('Preference-Applied', appliedPreference(preference));
  if (isRepeat) own.push('Idempotent-Replayed', 'true');
  if (await followStream(options, waited, response, own)) return true;
  let isGone = false;
  if (mayHaveAnswer(request)) {
    let isAnswered = false;
    const onAnswer = (kept: Reply | undefined): void => {
      isGone = kept?.body === undefined;
      if (kept?.body === undefined) return;
      // The first client's request was run, not this one's.
      if (kept.run !== undefined && !isRepeat)
        noteOutcome(response, { ...outcome, ran: ranIn(request, kept.run) });
      writeReply(response, parsed.request.method, { ...headOf(kept), body: kept.body }, own, unsent);
      isAnswered = true;
    };
    await readAnswer(replies, request, held, () => !socket.destroyed, onAnswer).catch(() => undefined);
    if (isAnswered || socket.destroyed) return false;
  }
  if (preference.respondAsync && !endedWithoutAnswer(request)) writeAccepted(response, request, own);
  else writeProblem(response, noAnswer(request, isGone), own);
  return false;
}

/** Follows the answer from its start, if it is a kept stream. @returns whether it does. */
async function followStream(
  options: AsyncAnswerOptions,
  waited: Waited,
  response: ServerResponse,
  own: readonly string[],
): Promise<boolean> {
  const { keptStreams, watches, dispatcher, held, unsent, streamMemory, openStreams } = options;
  const { request, isRepeat } = waited;
  const readable = await readableStream(request, keptStreams).catch(() => undefined);
  if (readable === undefined || response.req.socket.destroyed) return false;
  const { accepted, started, attempts: attempt } = readable.found.record;
  const watch = waited.watch ?? watches.tryOpen(response.req.socket);
  if (watch === undefined) return false;
  if (!isRepeat && started !== undefined) {
    const serviceMs = Math.max(0, dispatcher.now - started);
    const ran = { queueMs: started - accepted, serviceMs, attempt, adoptedBy: undefined };
    noteOutcome(response, { ...outcomeOf(waited), ran });
  }
  noteBodyDone(response);
  const parts = { held, unsent, streamMemory, openStreams };
  const decided = streamAnswerOf({ kind: 'all' }, readable.stream, readable.tail);
  writeStream(readable, decided, { response, own, watch, parts });
  return true;
}

/** A repeat has not spilled: the first request with its key has. */
function outcomeOf({ request: { id, replica, record }, isRepeat }: Waited): NotedOutcome {
  return { id, replica, spilledFrom: isRepeat ? undefined : record.spilledFrom };
}

function ranIn({ record: { accepted, deadline } }: KnownRequest, run: Run): Ran {
  return ranOf(run, deadline - accepted);
}

function mayHaveAnswer(request: KnownRequest): boolean {
  return finalStates.has(request.record.state) && !endedWithoutAnswer(request);
}

/** @returns whether a request has ended and there never was an answer to keep. */
function endedWithoutAnswer({ record: { state } }: KnownRequest): boolean {
  return state === 'expired' || state === 'cancelled';
}

/** @param isGone whether the answer was kept for its time, and is gone. */
function noAnswer({ id, record: { state } }: KnownRequest, isGone: boolean): Problem {
  if (state === 'cancelled') return new Problem('cancelled', 'The request was cancelled.');
  if (isGone) return new Problem('answer_gone', 'The answer was kept for its time, and is gone.');
  const detail =
    state === 'expired'
      ? 'The request was not done by its deadline.'
      : `The request was ${state} when the time to wait for its answer was over.`;
  return new Problem('reply_timeout', detail, { instance: requestPath(id) });
}

function writeAccepted(response: ServerResponse, request: KnownRequest, own: readonly string[]): void {
  const body = Buffer.from(JSON.stringify(viewOf(request)));
  response.writeHead(202, [
    'Content-Type',
    'application/json',
    'Content-Length',
    String(body.length),
    'Location',
    requestPath(request.id),
    'Retry-After',
    String(retryAfterSeconds),
    'Cache-Control',
    'no-store',
    ...own,
  ]);
  noteBody(response, body.length);
  response.end(body);
}
