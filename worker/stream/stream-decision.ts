/** What is known of an answer once its head is there. */
export interface AnswerHead {
  /** That of the request. */
  readonly method: string;
  readonly status: number;
  /** The value of Content-Type. */
  readonly type: string | undefined;
  /** How many bytes the answer has, if that is known. */
  readonly length: number | undefined;
  /** Whether ringpost itself made the answer. */
  readonly isProblem: boolean;
  /** Whether the answer may lead to another attempt. */
  readonly mayRetry: boolean;
  /** Whether the gateway of the request reads frames. */
  readonly readsFrames: boolean;
}

/**
 * - `whole`: the answer is sent whole, however long it takes;
 * - `stream`: it is sent as a stream at once;
 * - `afterTurn`: it is sent whole if it ends in this turn of the event loop, and is not too long;
 * - `afterMs`: it is sent whole if it ends within 5 ms, and is not too long.
 */
export type StreamDecision = 'whole' | 'stream' | 'afterTurn' | 'afterMs';

const eventStream = /^\s*text\/event-stream\s*(?:;|$)/i;

/** @returns whether a value of Content-Type is that of server-sent events. */
export function isEventStream(type: string | undefined): boolean {
  return type !== undefined && eventStream.test(type);
}

/**
 * Decides how an answer is sent. Pure.
 * @param aboveBytes a longer answer is a stream (`STREAM_ABOVE_BYTES`).
 */
export function decideOnHead(answer: AnswerHead, aboveBytes: number): StreamDecision {
  const { method, status, type, length, isProblem, mayRetry, readsFrames } = answer;
  if (method === 'HEAD' || status === 204 || status === 304) return 'whole';
  if (isProblem || mayRetry || !readsFrames) return 'whole';
  if (length !== undefined) return length > aboveBytes ? 'stream' : 'whole';
  return isEventStream(type) ? 'afterTurn' : 'afterMs';
}
