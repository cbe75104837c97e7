import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { ResumePoint } from '../../../worker/handlers/handler.ts';
import { eventBytes, events } from '../../fixtures/pattern.ts';

/** A stream whose bytes are a function of its seed and their position. */
export interface AskedStream {
  /** Streams with different seeds have different bytes at each position. */
  readonly seed: number;
  /** Its length: whole events. */
  readonly bytes: number;
  /** The length of each piece: whole events. */
  readonly piece: number;
  /** How long after one piece the next one follows, in ms; 0: as fast as it is read. */
  readonly everyMs: number;
}

/** @returns the path of a request for a stream. The ledger has its runs under the id. */
export function streamPath(id: string, { seed, bytes, piece, everyMs }: AskedStream): string {
  return `/${id}?stream=${seed}&bytes=${bytes}&piece=${piece}&every=${everyMs}`;
}

/** @returns the position in {@link events} that a position in the stream has. */
export function positionOf(seed: number, position: number): number {
  return seed * eventBytes + position;
}

/**
 * Answers a request with the stream that it asks for, as a replica's work.
 * @param resumeFrom where an earlier run has left it
 * @returns undefined if it asks for none.
 */
export function streamAnswer({ searchParams }: URL, resumeFrom?: ResumePoint): Response | undefined {
  const number = (name: string): number => Number(searchParams.get(name) ?? 0);
  if (!searchParams.has('stream')) return undefined;
  const [seed, bytes, piece, everyMs] = ['stream', 'bytes', 'piece', 'every'].map(number) as [
    // one for each name
    number,
    number,
    number,
    number,
  ];
  let position = resumeFrom?.offset ?? 0;
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      await (everyMs === 0 ? nextTurn() : delay(everyMs));
      const length = Math.min(piece, bytes - position);
      // A copy, since the stream may detach its buffer.
      if (length > 0) controller.enqueue(Buffer.from(events.at(positionOf(seed, position), length)));
      position += length;
      if (position >= bytes) controller.close();
    },
  });
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      ...(resumeFrom && { 'ringpost-resumed-from': String(resumeFrom.offset) }),
    },
  });
}
