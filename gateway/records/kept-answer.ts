import type { Reply } from '#shared/contract/reply.ts';
import type { KeptReplies } from '#shared/store/records/kept-replies.ts';
import type { KnownRequest } from '#shared/store/records/request-records.ts';
import type { HeldBytes } from '../request/held-bytes.ts';

/**
 * Reads the kept answer of a request for a client. A large answer waits until the gateway has room for it.
 * @param wanted asked when there is room, and when the answer was read.
 * @param onAnswer given the answer; undefined if it is not kept. Not called if the answer is not wanted any
 * more.
 */
export async function readAnswer(
  replies: KeptReplies,
  request: KnownRequest,
  held: HeldBytes,
  wanted: () => boolean,
  onAnswer: (reply: Reply | undefined) => void,
): Promise<void> {
  let reserved = 0;
  const reserve = async (bytes: number): Promise<boolean> => {
    const there = await held.roomForAnswer(bytes, wanted);
    if (there) reserved = bytes;
    return there;
  };
  try {
    const reply = await replies.read(request, reserve);
    // A client that has left meanwhile would never give back what `onAnswer` takes for it.
    if (reply !== 'declined' && wanted()) onAnswer(reply);
  } finally {
    // What is on its way to the client was counted by `onAnswer`.
    if (reserved > 0) held.giveAnswer(reserved);
  }
}
