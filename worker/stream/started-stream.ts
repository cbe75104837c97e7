import type { HttpReply } from '#shared/contract/http.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';
import type { TakenOver } from '#shared/store/streams/kept-streams.ts';
import type { ByteSource, HandlerReply } from '../handlers/handler.ts';
import type { FirstBytes } from './first-bytes.ts';

/** An answer that is sent as a stream. */
export interface StartedStream {
  readonly head: ReplyHead;
  /** The bytes that are there already. */
  readonly first: FirstBytes;
  /** Brings those after them. */
  readonly rest: ByteSource;
  /** The kept stream that it goes on with; undefined for a new one. */
  readonly resumed?: TakenOver;
}

/** What has become of an answer: it is whole, or a stream. */
export type GatheredStart = HttpReply | StartedStream;

/** @returns whether the answer is a stream. */
export function isStream(start: HandlerReply | StartedStream): start is StartedStream {
  return 'rest' in start;
}
