/** What may have become of a command that failed. */
export type CommandFate =
  /** Redis refused it and carried out nothing of it. */
  | 'refused'
  /** The connection was down, and the command never left this process. */
  | 'unsent'
  /** The connection broke before the reply came: Redis may have carried it out. */
  | 'unknown';

/** A command was not sent because another one, which had to come before it, failed. */
export class UnsentError extends Error {
  override readonly name = 'UnsentError';
}

/** @param error what the command, or a call of a queue, was rejected with. */
export function commandFate(error: unknown): CommandFate {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'ReplyError') return 'refused';
  if (error instanceof UnsentError) return 'unsent';
  // ioredis has no class or code for it.
  return error.message.includes('enableOfflineQueue') ? 'unsent' : 'unknown';
}
