import type { ServerResponse } from 'node:http';
import { headerValue } from '#shared/contract/headers.ts';
import { statedLength } from '#shared/contract/stated-length.ts';
import type { ReadableAnswer } from '../streams/readable-answer.ts';
import type { Watch } from '../records/watches.ts';
import { FollowedAnswer, plainFormat } from '../streams/followed-answer.ts';
import type { FollowedAnswerParts, PieceFormat } from '../streams/followed-answer.ts';
import { noteBegun } from '../http/answer.ts';
import { sendHead } from '../streams/send-head.ts';
import { writeReplyHead } from './reply-response.ts';
import type { StreamAnswer } from './reply-range.ts';

/** The exchange in which an answer is read. */
export interface Reading {
  readonly response: ServerResponse;
  /** Header fields of the gateway, alternating names and values. */
  readonly own: readonly string[];
  /** That of the client. It ends with the answer. */
  readonly watch: Watch;
  readonly parts: FollowedAnswerParts;
}

/** Writes an answer as `streamAnswerOf` has decided it, live until its end. */
export function writeStream(answer: ReadableAnswer, decided: StreamAnswer, reading: Reading): void {
  const { response, own, watch } = reading;
  const { status, reason, headers, bytes } = decided;
  const head = { status, ...(reason === undefined ? {} : { reason }), headers: [] };
  if (!writeReplyHead(response, head, headers, own)) {
    watch.end();
    return;
  }
  if (bytes === undefined || response.req.method === 'HEAD') {
    response.end();
    watch.end();
    return;
  }
  const length = statedLength(headerValue(headers, 'content-length'));
  follow(answer, bytes, { ...reading, length, format: plainFormat });
}

interface FollowOptions extends Reading {
  readonly format: PieceFormat;
  readonly length?: number | undefined;
  /** Whether the answer may end anywhere, since its client goes on by itself. */
  readonly endsWithGateway?: boolean;
}

/** Writes the bytes of an answer whose head is written. */
export function follow(
  { found, source, tail, isHeld }: ReadableAnswer,
  bytes: { readonly from: number; readonly until?: number },
  { response, watch, parts, length, format, endsWithGateway = false }: FollowOptions,
): void {
  noteBegun(response);
  sendHead(response);
  const onDone = (): void => watch.end();
  const followed = new FollowedAnswer({ ...parts, response, length, format, isHeld, onDone });
  const there = Math.min(bytes.until ?? tail, tail) - bytes.from;
  followed.start(there, (sink) => source.follow(found, bytes, sink));
  watch.serve(found.id, {
    held: !endsWithGateway,
    // The response tells of this too.
    onGone: () => undefined,
    onStop: () => {
      // An answer that has to be whole has the time of the stop to end, and is broken off then.
      if (endsWithGateway) followed.stop();
    },
  });
}
