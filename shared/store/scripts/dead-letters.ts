import { script } from './script.ts';

/**
 * Gives a dead letter the id under which its request is redriven, unless it has one. Returns the id that it
 * has then; undefined if there is no such letter.
 */
export const claimDeadLetter = script<{ letter: string; requestId: string }, string | undefined>({
  file: 'claim-dead-letter',
  keys: (keys, { letter }) => [keys.deadLetter(letter)],
  args: ({ requestId }) => [requestId],
  // Lua's false arrives as null.
  decode: (reply) => (typeof reply === 'string' ? reply : undefined),
});
