import { script } from './script.ts';

/** How long data that was moved aside is kept for people to examine, in ms. */
export const asideTtlMs = 7 * 86_400_000;

interface SetKeyAside {
  readonly key: string;
  /** The name that the key gets. */
  readonly to: string;
  /** The type that was seen, by Redis's name. */
  readonly type: string;
  /** The SHA-1 of the string that was seen; '' for another type. */
  readonly digest: string;
  /** The string that the key gets in its place, or ''. */
  readonly instead: string;
}

/** Moves a whole key aside. Its result is false if the key has changed since it was seen. */
export const setKeyAside = script<SetKeyAside, boolean>({
  file: 'set-key-aside',
  keys: (_, { key, to }) => [key, to],
  args: ({ type, digest, instead }) => [type, digest, asideTtlMs, instead],
  decode: (reply) => reply === 1,
});

interface SetMemberAside {
  readonly key: string;
  /** The hash that the member, or the field, gets to. */
  readonly to: string;
  /** The member of a set, or the field of a hash. */
  readonly member: string;
  /** `set` for a member. A field is removed, replaced, or kept if the caller is about to write it again. */
  readonly how: 'set' | 'remove' | 'keep' | 'replace';
  /** The value of the field that was seen. */
  readonly value: string;
  /** The value that the field gets, if it is replaced. */
  readonly instead: string;
}

/** Moves a member or a field aside. Its result is false if it has changed since it was seen. */
export const setMemberAside = script<SetMemberAside, boolean>({
  file: 'set-member-aside',
  keys: (_, { key, to }) => [key, to],
  args: ({ member, how, value, instead }) => [member, asideTtlMs, how, value, instead],
  decode: (reply) => reply === 1,
});

export interface SetJobAside {
  /** The queue's name in BullMQ. */
  readonly queue: string;
  readonly id: string;
  /** The name that the job gets. */
  readonly to: string;
  /** The fence by which the caller serves the queue; 0 for a queue without a lease. */
  readonly fence: number;
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
    ...[id, `${id}:lock`, 'active', 'fence', 'streams'].map((part) => keys.bullMq(queue, part)),
    to,
  ],
  args: ({ fence, id, message }, { changes }) => [fence, id, asideTtlMs, changes, message],
  decode: (reply) => reply === 1,
});

/** Puts a job back into its queue. Its result is false if the job is in a list of it, or is gone. */
export const relistJob = script<{ readonly queue: string; readonly id: string }, boolean>({
  file: 'relist-job',
  keys: (keys, { queue, id }) =>
    [id, 'wait', 'active', 'prioritized', 'delayed', 'marker', 'streams'].map((part) =>
      keys.bullMq(queue, part),
    ),
  args: ({ id }) => [id],
  decode: (reply) => reply === 1,
});
