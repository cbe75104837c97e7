import type { KnownRequest } from '#shared/store/records/request-records.ts';
import type { Broken } from './follower.ts';
import type { Followers } from './followers.ts';

/** The next bytes of a kept stream. */
export interface NextPiece {
  /** Empty if none have come in time. */
  readonly parts: readonly Buffer[];
  /** The offset behind the last byte. */
  readonly end: number;
  /** Whether these are all bytes that there are now. */
  readonly isTail: boolean;
  /** Whether there will never be more bytes. */
  readonly isClosed: boolean;
}

/**
 * Reads the next bytes of a kept stream, at most those of one read.
 * @param request its record has a stream, as it was a moment ago.
 * @param from the offset of the first byte, which is not past the end.
 * @param waitMs how long it waits for bytes if there are none, in ms.
 * @param signal ends the wait.
 * @returns the bytes, or why there are none and never will be.
 */
export function nextPiece(
  followers: Pick<Followers, 'follow'>,
  request: KnownRequest,
  from: number,
  waitMs: number,
  signal: AbortSignal,
): Promise<NextPiece | Broken> {
  return new Promise((resolve) => {
    let [piece, isClosed] = [{ parts: [] as readonly Buffer[], end: from, isTail: true }, false];
    const settle = (result: NextPiece | Broken): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', give);
      following.stop();
      resolve(result);
    };
    const give = (): void => settle({ ...piece, isClosed });
    const timer = waitMs > 0 ? setTimeout(give, waitMs) : undefined;
    const following = followers.follow(
      request,
      { from },
      {
        bytes(parts, end, isTail) {
          piece = { parts, end, isTail };
          // If these were the last bytes, the end is told in the same turn.
          queueMicrotask(give);
          return false;
        },
        caughtUp() {
          if (waitMs === 0) queueMicrotask(give);
        },
        end() {
          isClosed = true;
          queueMicrotask(give);
        },
        fail: settle,
      },
    );
    if (signal.aborted) give();
    else signal.addEventListener('abort', give);
  });
}
