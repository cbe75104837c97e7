import { adopterOf } from '#shared/contract/lease.ts';
import type { Logger } from '#shared/process/logger.ts';
import { AdoptionStore } from '#shared/store/lease/adoption-store.ts';
import type { LargeValues } from '#shared/store/replies/large-values.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { WorkerRepair } from '#shared/store/repair/worker-repair.ts';
import { ReplicaLease } from '../lease/replica-lease.ts';
import { GarbledJobs } from '../queue/garbled-jobs.ts';
import type { NotesPlace } from '../notes/notes-files.ts';
import type { Aftermath } from '../reply/aftermath.ts';
import { ReplyOutbox } from '../reply/reply-outbox.ts';
import { createReplyPushes } from '../reply/reply-pushes.ts';
import { Turns } from '../run/turns.ts';
import { Reclaimer } from './reclaimer.ts';
import { StreamReclaimer } from './stream-reclaimer.ts';

export interface EarlyReclaimOptions {
  readonly connection: Connection;
  /** The worker's own replica and generation. */
  readonly replica: string;
  readonly generation: number;
  /** The lease on the worker's own replica, not taken yet. */
  readonly lease: ReplicaLease;
  readonly leaseMs: number;
  /** Where workers note the requests that they begin. */
  readonly notesPlace: NotesPlace | undefined;
  readonly aftermath: Aftermath;
  readonly large: LargeValues;
  /** Called when a newer generation of this replica has taken the lease. */
  readonly onSuperseded: () => void;
  readonly log: Logger;
}

/**
 * Reclaims the jobs that dead workers held before the handler is loaded, which may take its time. Clients
 * that cannot have an answer learn so at once, and the other jobs may be adopted meanwhile. A queue that
 * another worker serves is skipped.
 */
export async function reclaimEarly(options: EarlyReclaimOptions): Promise<void> {
  const { connection, replica, generation, lease, leaseMs, onSuperseded, log } = options;
  await new WorkerRepair(connection, log).withRepair(
    () => reclaimUnder(lease, options, onSuperseded),
    () => ({ replicas: [replica] }),
  );
  const adopter = adopterOf(replica, generation);
  try {
    for (const name of await new AdoptionStore(connection).inheritedBy(replica)) {
      const inherited = new ReplicaLease({ connection, replica: name, generation: 0, adopter, leaseMs });
      await reclaimUnder(inherited, options, () => undefined);
    }
  } catch (error) {
    log.warn({ err: error }, 'the jobs of inherited queues are reclaimed when the queues are adopted');
  }
}

async function reclaimUnder(
  lease: ReplicaLease,
  { connection, aftermath, large, notesPlace, log }: EarlyReclaimOptions,
  onSuperseded: () => void,
): Promise<void> {
  if ((await lease.take(lease.own ? 'starting' : 'adopted')) !== 'taken') return;
  const pushes = createReplyPushes(connection, lease, onSuperseded, log);
  const outbox = new ReplyOutbox({ connection, lease, aftermath, large, pushes, onSuperseded, log });
  const garbled = new GarbledJobs({ connection, lease, outbox, log });
  const turns = new Turns(connection, log);
  const settling = { connection, lease, outbox, garbled, turns, log };
  const streams = new StreamReclaimer(settling);
  const reclaimer = new Reclaimer({ ...settling, replica: lease.replica, notesPlace, streams });
  await reclaimer.reclaimAll({ name: String(lease.fence), ...lease.predecessor });
  await lease.end();
}
