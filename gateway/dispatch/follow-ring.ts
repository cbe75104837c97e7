import type { Logger } from '#shared/process/logger.ts';
import type { JobQueues } from '#shared/store/queue/job-queues.ts';
import type { RingWatcher } from '../ring/ring-watcher.ts';
import type { EventDemand } from './event-demand.ts';
import type { LostRequests } from './lost-requests.ts';
import type { OpenStreams } from '../streams/open-streams.ts';
import type { ReplyInbox } from './reply-inbox.ts';
import type { Waiters } from './waiters.ts';

interface Followers {
  readonly waiters: Waiters;
  readonly streams: OpenStreams;
  readonly inbox: ReplyInbox;
  readonly queues: JobQueues;
  readonly events: EventDemand;
  readonly lostRequests: LostRequests;
  readonly log: Logger;
}

/**
 * Keeps the inbox and the queues those of the replicas in use: the replicas in the ring, the desired ones
 * (the inbox has to read their replies from the first request on), and those that requests wait for or get
 * streams from.
 */
export function followRing(
  watcher: RingWatcher,
  { waiters, streams, inbox, queues, events, lostRequests, log }: Followers,
): void {
  watcher.onChange(() => {
    const { ring, state } = watcher;
    const used = new Set([...ring.members, ...state.desired].map(({ name }) => name));
    for (const replica of waiters.replicas) used.add(replica);
    for (const replica of streams.replicas) used.add(replica);
    inbox.listenTo(used);
    events.follow(used);
    queues.keepOnly(used).catch((error: unknown) => log.debug({ err: error }, 'a queue was not closed'));
    lostRequests.check();
  });
}
