/**
 * A word to the workers about requests that are cancelled while they run. Workers of releases before read one id from
 * each message, and pass over what they do not run.
 */
export function encodeCancellations(ids: readonly string[]): string {
  return ids.join('\n');
}

/** @returns the ids of the requests that a message names. */
export function decodeCancellations(message: string): readonly string[] {
  return message.split('\n');
}
