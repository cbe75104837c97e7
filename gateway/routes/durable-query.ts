import { decodeOffset } from '#shared/contract/stream-offset.ts';
import { malformed, oneOf, textOf } from './query-parameters.ts';
import type { Query } from './query-parameters.ts';

/** What a reader of the Durable Streams protocol asks for. */
export interface DurableQuery {
  /** From where on, in bytes; `now` for the present end. */
  readonly offset: number | 'now';
  /** Whether it waits for bytes that are not there yet, and how it gets them. */
  readonly live: 'long-poll' | 'sse' | undefined;
  /** That of the answer before. */
  readonly cursor: string | undefined;
}

/**
 * Reads the query of `GET /-/requests/<id>/reply`. The protocol has servers ignore parameters of other names.
 * @returns undefined if it does not ask for the Durable Streams protocol.
 * @throws {Problem} `request_malformed`.
 */
export function durableQueryOf(query: Query): DurableQuery | undefined {
  const given = textOf(query, 'offset');
  const live = oneOf(query, 'live', ['long-poll', 'sse']);
  if (given === undefined) {
    if (live === undefined) return undefined;
    throw malformed('live is given without an offset; offset=-1 reads from the start.');
  }
  const offset = decodeOffset(given);
  if (offset === undefined) {
    throw malformed(
      `offset is ${JSON.stringify(given)}; it must be -1, now, or one that an answer has given.`,
    );
  }
  return { offset, live, cursor: textOf(query, 'cursor') };
}
