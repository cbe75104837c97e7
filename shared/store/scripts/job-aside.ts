import { script } from './script.ts';

export interface SetJobAside {
  /** The queue's name in BullMQ. */
  readonly queue: string;
  readonly id: string;
  /** The name that the job gets. */
  readonly to: string;
  /** The fence by which the caller serves the queue; 0 for a queue without a lease. */
  readonly fence: number;
  readonly ttlMs: number;
  /** Published on the channel of changes. */
  readonly message: string;
}

/**
 * Moves a garbled job aside. Its result is false if there was nothing to move, or another worker has taken
 * the lease.
 */
export const setJobAside = script<SetJobAside, boolean>({
  file: 'set-job-aside',
  keys: (keys, { queue, id, to }) => [
    keys.bullMq(queue, id),
    keys.bullMq(queue, `${id}:lock`),
    keys.bullMq(queue, 'active'),
    keys.bullMq(queue, 'fence'),
    to,
  ],
  args: ({ fence, id, ttlMs, message }, { changes }) => [fence, id, ttlMs, changes, message],
  decode: (reply) => reply === 1,
});
