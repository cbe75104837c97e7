import { firstCredit, windowBytes } from '#shared/contract/frame.ts';

/** How far a client may be behind the worker while the gateway holds as many bytes as it may. */
const narrowWindowBytes = firstCredit;

/** What a worker may send of an answer. */
export interface Credit {
  /** The offset that was granted last. */
  readonly granted: number;
  /** How many bytes beyond those that the client had taken that was. */
  readonly window: number;
}

/** @param credit that of the stream's head. */
export function creditOf(credit: number): Credit {
  return { granted: credit, window: credit };
}

/**
 * Decides whether the worker gets more credit: if half of the last one is used, and half of the next one
 * would be new. So a slow stream needs few grants, and a short one needs none.
 * @param taken how many bytes of the answer were passed to the client's socket.
 * @param hasRoom whether the gateway holds fewer bytes than it may.
 * @returns the next credit, which is to be granted; undefined if the present one suffices.
 */
export function creditAfter(
  { granted, window }: Credit,
  taken: number,
  hasRoom: boolean,
): Credit | undefined {
  if (granted - taken > window / 2) return undefined;
  const next = hasRoom ? windowBytes : narrowWindowBytes;
  return taken + next - granted >= next / 2 ? { granted: taken + next, window: next } : undefined;
}
