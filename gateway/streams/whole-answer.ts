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
    let [at, takes, isOver] = [from, true, false];
    const end = (): void => {
      isOver = true;
      sink.end();
    };
    const readOn = (): void => {
      while (takes && !isOver) {
        const next = Math.min(at + maxReadBytes, last);
        const part = this.#body.subarray(at, next);
        at = next;
        if (part.length > 0) takes = sink.bytes([part], at, at === last);
        if (at === last && !isOver) end();
      }
    };
    queueMicrotask(readOn);
    return {
      resume: () => {
        takes = true;
        readOn();
      },
      stop: () => void (isOver = true),
    };
  }
}
