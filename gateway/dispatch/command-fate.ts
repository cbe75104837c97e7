/** What may have become of a command that failed. */
export type CommandFate =
  /** Redis has refused it, and done nothing of it. */
  | 'refused'
  /** The connection was away, and the command never left this process. */
  | 'unsent'
  /** The connection broke while it was under way: it may have been carried out. */
  | 'unknown';

/** Something that had to come before a command failed, so that the command was not sent. */
export class UnsentError extends Error {
  override readonly name = 'UnsentError';
}

/** @param error what the command, or a script of one of the queues, was rejected with. */
export function commandFate(error: unknown): CommandFate {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'ReplyError') return 'refused';
  if (error instanceof UnsentError) return 'unsent';
  // ioredis has no class or code for it.
  return error.message.includes('enableOfflineQueue') ? 'unsent' : 'unknown';
}
