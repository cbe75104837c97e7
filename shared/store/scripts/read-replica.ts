import { script } from './script.ts';

/** What the queue of a replica holds, and how long its lease lasts. */
export interface ReplicaDepths {
  /** Requests that a worker could take now, without those with a priority. */
  readonly waiting: number;
  readonly active: number;
  /** Requests whose answers are streams, from the head to the end. They are not active. */
  readonly streams: number;
  /** Requests with a priority that wait. */
  readonly prioritized: number;
  /** Requests that are not due yet, or whose turn it is not. */
  readonly delayed: number;
  /** Since when the oldest one waits, in ms since the epoch, in Redis time; undefined if none waits. */
  readonly oldestAt: number | undefined;
  /** Time until the lease ends, in ms; undefined without a lease. */
  readonly leaseMs: number | undefined;
}

/** Reads what the queue of a replica holds. */
export const readReplica = script<{ readonly replica: string }, ReplicaDepths>({
  file: 'read-replica',
  keys: (keys, { replica }) => {
    const { wait, active, prioritized, delayed } = keys.unfinished(replica);
    const queue = keys.queue(replica);
    const paused = keys.bullMq(queue, 'paused');
    return [wait, active, prioritized, delayed, paused, keys.lease(replica), keys.streams(replica)];
  },
  args: ({ replica }, keys) => [`${keys.replica(replica)}:`],
  decode(reply) {
    // As the Lua file says.
    const [waiting, active, prioritized, delayed, oldestAt, leaseMs, streams] = reply as [
      ...[number, number, number, number],
      number | null,
      ...[number, number],
    ];
    return {
      waiting,
      active,
      streams,
      prioritized,
      delayed,
      oldestAt: oldestAt ?? undefined,
      leaseMs: leaseMs < 0 ? undefined : leaseMs,
    };
  },
});
