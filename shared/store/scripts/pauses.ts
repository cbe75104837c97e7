import type { Keys } from '../keys/keys.ts';
import { script } from './script.ts';

/** Finds those of some replicas whose queues are paused. There has to be at least one replica. */
export const findPaused = script<{ readonly replicas: readonly string[] }, readonly string[]>({
  file: 'find-paused',
  keys: (keys, { replicas }) => [metaOf(keys, replicas[0] ?? '')],
  args: ({ replicas }, keys) => replicas.map((name) => metaOf(keys, name)),
  decode: (reply, { replicas }) => {
    const indexes: readonly unknown[] = Array.isArray(reply) ? reply : [];
    return indexes.flatMap((index) => replicas[Number(index) - 1] ?? []);
  },
});

/** @returns the hash in which BullMQ notes that a queue is paused. */
export function metaOf(keys: Keys, replica: string): string {
  return keys.bullMq(keys.queue(replica), 'meta');
}
