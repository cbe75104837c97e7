import { isUtf8 } from 'node:buffer';
import fp from 'fastify-plugin';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem, retryAfterSeconds } from '#shared/contract/errors.ts';
import { headerValue } from '#shared/contract/headers.ts';
import { headOf } from '#shared/contract/reply.ts';
import type { Reply } from '#shared/contract/reply.ts';
import { finalStates } from '#shared/contract/request-record.ts';
import type { KeptReplies } from '#shared/store/records/kept-replies.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import { ownAnswerFields } from '../http/own-answer-fields.ts';
import { operations } from '../openapi/operations.ts';
import { readAnswer } from '../records/kept-answer.ts';
import { isReadable, readableStream, readableWhole } from '../streams/readable-answer.ts';
import type { KeptStreamParts, ReadableAnswer } from '../streams/readable-answer.ts';
import type { Watch } from '../records/watches.ts';
import type { FollowedAnswerParts } from '../streams/followed-answer.ts';
import { AskedRequests, nobody, unknown, waitOf } from './asked-requests.ts';
import type { AskedCall, AskedRequestsOptions } from './asked-requests.ts';
import { answerDurable } from './durable-reply.ts';
import { durableCallOf, isDurable, longPollMs, problemFields } from './durable-stream.ts';
import type { DurableCall } from './durable-stream.ts';
import { neverStored, noStore } from './no-store.ts';
import { redisAway } from './redis-away.ts';
import { eventWanted, streamAnswerOf, wantedPartOf } from './reply-range.ts';
import type { WantedPart } from './reply-range.ts';
import { writeReply } from './reply-response.ts';
import { writeStream } from './stream-response.ts';
import type { Reading } from './stream-response.ts';

export interface ReplyRouteOptions extends AskedRequestsOptions, FollowedAnswerParts {
  readonly replies: KeptReplies;
  readonly keptStreams: KeptStreamParts;
}

/** What a client wants of an answer. */
type Wanted = DurableCall | WantedPart;

/**
 * `/-/requests/<id>/reply`: returns the answer of a request, live if it is a kept stream that still runs. The
 * same clients may read it as may know of the request.
 */
export const replyRoutes = fp<ReplyRouteOptions>(
  (app, options, done) => {
    const requests = new AskedRequests(options);
    app.get<AskedCall>(
      '/-/requests/:id/reply',
      { onRequest: noStore, schema: operations.showReply },
      async (request, reply) => {
        const { query } = request;
        if (isDurable(query)) reply.headers(problemFields());
        const wanted = durableCallOf(query) ?? wantedPartOf(partFields(request));
        const waitMs = waitOf(query) ?? (isPart(wanted) ? 0 : longPollMs);
        const asked = await requests.wait(request, waitMs, true);
        if (asked === undefined) return nobody(reply);
        const reading = new ReplyReading(options, wanted, reply, asked.watch);
        try {
          return await reading.answer(asked.found);
        } catch (error) {
          reading.end();
          throw error;
        }
      },
    );
    done();
  },
  { name: 'reply-routes' },
);

function partFields({ headers }: FastifyRequest): Parameters<typeof wantedPartOf>[0] {
  return {
    offset: headers['ringpost-offset']?.toString(),
    range: headers.range,
    ifRange: headers['if-range']?.toString(),
    lastEventId: eventIdOf(headers['last-event-id']?.toString()),
  };
}

/** Browsers send an id in UTF-8 (HTML, section 9.2.4), and Node reads each byte of a field as a character. */
function eventIdOf(field: string | undefined): string | undefined {
  const bytes = Buffer.from(field ?? '', 'latin1');
  return isUtf8(bytes) && field !== undefined ? bytes.toString('utf8') : field;
}

function isPart(wanted: Wanted): wanted is WantedPart {
  return 'kind' in wanted;
}

class ReplyReading {
  readonly #options: ReplyRouteOptions;
  readonly #wanted: Wanted;
  readonly #reply: FastifyReply;
  #watch: Watch | undefined;

  /** @param watch that of the client, if it was waited for. */
  constructor(options: ReplyRouteOptions, wanted: Wanted, reply: FastifyReply, watch: Watch | undefined) {
    this.#options = options;
    this.#wanted = wanted;
    this.#reply = reply;
    this.#watch = watch;
  }

  /** The client is not watched any more. */
  end(): void {
    this.#watch?.end();
  }

  get #isGone(): boolean {
    return this.#reply.raw.req.socket.destroyed;
  }

  /** @throws {Problem} if there is no answer, or not yet. */
  async answer(request: KnownRequest): Promise<FastifyReply> {
    const { records, keptStreams } = this.#options;
    const { state } = request.record;
    if (isReadable(request.record)) {
      const readable = await redisAway(() => readableStream(request, keptStreams));
      if (readable !== undefined && (await this.#answerPart(readable)) === 'answered') return this.#reply;
      // It was aborted meanwhile. What is kept is a problem.
      const again = (await redisAway(() => records.find(request.id))) ?? unknown(request.id);
      if (isReadable(again.record)) throw gone();
      return this.#answerWhole(again);
    }
    if (!finalStates.has(state)) this.#notBegun(state);
    return this.#answerWhole(request);
  }

  #notBegun(state: string): never {
    const detail = `The request is ${state}; ask again, or with ?wait=20.`;
    if (!isPart(this.#wanted)) throw new Problem('not_begun', detail);
    this.#reply.header('retry-after', retryAfterSeconds);
    throw new Problem('not_finished', detail);
  }

  async #answerWhole(found: KnownRequest): Promise<FastifyReply> {
    const { replies, held, unsent } = this.#options;
    const { state, method } = found.record;
    const reply = this.#reply;
    const response = reply.raw;
    let readable: ReadableAnswer | undefined;
    const onAnswer = (kept: Reply | undefined): void => {
      if (kept?.body === undefined) return;
      const { headers, body } = kept;
      if (this.#wantsAll(found)) {
        reply.hijack();
        const own = [...ownFields(found), ...this.#problemFields];
        // The handler's caching fields are for the URL of the request, not for this one.
        const answered = { ...headOf(kept), headers: neverStored(headers), body };
        writeReply(response, method, answered, own, unsent);
        this.end();
        return;
      }
      readable = readableWhole(found, kept, body);
      held.takeAnswer(body.length);
      response.once('close', () => held.giveAnswer(body.length));
    };
    await redisAway(() => readAnswer(replies, found, held, () => !this.#isGone, onAnswer));
    if (reply.sent) return reply;
    if (this.#isGone) return nobody(reply);
    if (readable !== undefined) {
      await this.#answerPart(readable);
      return reply;
    }
    if (state === 'cancelled') throw new Problem('cancelled', 'The request was cancelled.');
    if (state === 'expired') throw new Problem('reply_timeout', 'The request was not done by its deadline.');
    throw gone();
  }

  /**
   * What is kept in the place of a stream is a problem, and no part of it. The answer to a HEAD has fields
   * about a body that is not kept.
   */
  #wantsAll({ record: { stream, method } }: KnownRequest): boolean {
    if (stream !== undefined) return true;
    return isPart(this.#wanted) && (this.#wanted.kind === 'all' || method === 'HEAD');
  }

  get #problemFields(): readonly string[] {
    return isPart(this.#wanted) ? [] : Object.entries(problemFields()).flat();
  }

  /** @returns `aborted` if the answer is not complete and never will be; then nothing is written. */
  async #answerPart(answer: ReadableAnswer): Promise<'answered' | 'aborted'> {
    const reply = this.#reply;
    if (this.#isGone) {
      // Its 'close' was emitted before, so whatever follows the answer would not learn that the client left.
      nobody(reply);
      return 'answered';
    }
    const { held, unsent, streamMemory, openStreams } = this.#options;
    const own = ownFields(answer.found);
    const parts = { held, unsent, streamMemory, openStreams };
    const watch = (this.#watch ??= this.#options.watches.open(reply.raw.req.socket));
    const reading: Reading = { response: reply.raw, own, watch, parts };
    const wanted = this.#wanted;
    if (!isPart(wanted)) {
      const outcome = await answerDurable(answer, wanted, reading);
      if (outcome === 'answered') reply.hijack();
      return outcome;
    }
    const lastId = eventWanted(wanted, answer.stream);
    const wantsEvent = (): boolean => !this.#isGone;
    const behind =
      lastId === undefined ? undefined : await redisAway(() => answer.behindEvent(lastId, wantsEvent));
    if (this.#isGone) {
      nobody(reply);
      return 'answered';
    }
    const decided = streamAnswerOf(wanted, answer.stream, answer.tail, behind);
    if (decided.status === 416) {
      const range = headerValue(decided.headers, 'content-range');
      if (range !== undefined) reply.header('content-range', range);
      throw new Problem('range_not_satisfiable', `The answer has ${answer.tail} bytes.`);
    }
    reply.hijack();
    writeStream(answer, { ...decided, headers: neverStored(decided.headers) }, reading);
    return 'answered';
  }
}

function ownFields({ id, replica, record: { spilledFrom } }: KnownRequest): string[] {
  return ownAnswerFields(id, replica, spilledFrom);
}

function gone(): Problem {
  return new Problem('answer_gone', 'The answer was kept for its time, and is gone.');
}
