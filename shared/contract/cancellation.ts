/**
 * Encodes a message to the workers: the ids of requests that are cancelled while they run. Workers of earlier
 * releases read the whole message as one id, and ignore ids that they do not run.
 */
export function encodeCancellations(ids: readonly string[]): string {
  return ids.join('\n');
}

/** @returns the ids of the requests that a message names. */
export function decodeCancellations(message: string): readonly string[] {
  return message.split('\n');
}
