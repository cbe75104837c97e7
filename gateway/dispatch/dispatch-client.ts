import type { HttpReply } from '#shared/contract/http.ts';
import type { Problem } from '#shared/contract/errors.ts';
import type { ReplyHead } from '#shared/contract/reply.ts';
import type { Ran } from '../http/request-notes.ts';
import type { StreamListener } from '../streams/client-stream.ts';
import type { StreamClient } from '../streams/incoming-stream.ts';

/** Where a request went, and how it was run. */
interface Dispatched {
  readonly id: string;
  /** The owner of its key, if another replica was selected because of the load. */
  readonly spilledFrom?: string | undefined;
  /** How it was run; undefined if it was not, or its worker does not say. */
  readonly ran: Ran | undefined;
}

/** How a dispatch ends: the replica's answer, or a problem of the gateway's own. */
export interface Outcome extends Dispatched {
  /** The replica that was selected; undefined if none was. */
  readonly replica: string | undefined;
  readonly result: HttpReply | Problem;
}

/** The head of an answer whose bytes follow. */
export interface BegunOutcome extends Dispatched {
  readonly replica: string;
  readonly head: ReplyHead;
  /** Whether bytes follow at once. */
  readonly hasBytes: boolean;
}

/** The client of a dispatch. It gets either an outcome or the head of a stream, once. */
export interface DispatchClient {
  settle(outcome: Outcome): void;
  /**
   * Writes the head of a stream.
   * @returns where its bytes go; undefined if the head cannot be written, and a problem was answered.
   */
  begin(outcome: BegunOutcome, listener: StreamListener): StreamClient | undefined;
  /** @param headers those of an informational answer 103, which comes before. */
  hint(headers: readonly string[]): void;
}
