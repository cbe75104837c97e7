import type { HttpReply } from '#shared/contract/http.ts';

/** An answer broke off in the middle, and not because its handler failed. */
export class BrokenAnswerError extends Error {
  override readonly name = 'BrokenAnswerError';
  /** The reply in its place, if no byte of it was sent. */
  readonly reply: HttpReply;

  /** @param reply a problem. */
  constructor(reply: HttpReply) {
    super(`the answer broke off: ${reply.problem}`);
    this.reply = reply;
  }
}
