/** What may have happened to a command that failed. */
export type CommandFate =
  /** Redis refused it and carried out no part of it. */
  | 'refused'
  /** The connection was down, and the command never left this process. */
  | 'unsent'
  /** The connection broke before the reply arrived: Redis may have carried it out. */
  | 'unknown';

/** A command was not sent because a command that had to come before it failed. */
export class UnsentError extends Error {
  override readonly name = 'UnsentError';
}

/** @param error the reason with which a command, or a call of a queue, was rejected. */
export function commandFate(error: unknown): CommandFate {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'ReplyError') return 'refused';
  if (error instanceof UnsentError) return 'unsent';
  // ioredis has no class or code for this error.
  return error.message.includes('enableOfflineQueue') ? 'unsent' : 'unknown';
}
