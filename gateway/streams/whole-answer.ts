import { maxReadBytes } from '#shared/store/streams/kept-stream-reader.ts';
import type { Followers } from './followers.ts';
import type { Following, FollowSink, Reading } from './follower.ts';

/** Follows an answer that is there whole, as `Followers` follows a kept stream that has ended. */
export class WholeAnswer implements Pick<Followers, 'follow'> {
  readonly #body: Buffer;

  constructor(body: Buffer) {
    this.#body = body;
  }

  follow(_request: unknown, { from, until = this.#body.length }: Reading, sink: FollowSink): Following {
    const last = Math.min(until, this.#body.length);
    const reader = { at: from, takes: true, isOver: false };
    const readOn = (): void => {
      while (reader.takes && !reader.isOver) {
        const next = Math.min(reader.at + maxReadBytes, last);
        const part = this.#body.subarray(reader.at, next);
        reader.at = next;
        if (part.length > 0) reader.takes = sink.bytes([part], next, next === last);
        // The sink may have stopped.
        if (next < last || reader.isOver) continue;
        reader.isOver = true;
        sink.end();
      }
    };
    queueMicrotask(readOn);
    return {
      resume: () => {
        reader.takes = true;
        readOn();
      },
      stop: () => void (reader.isOver = true),
    };
  }
}
