import { setTimeout as delay } from 'node:timers/promises';
import { CrashNotes } from '#shared/store/lease/crash-notes.ts';
import { LeaseStore } from '#shared/store/lease/lease-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { LineLog } from './line-log.ts';
import type { ReplicaLease } from './replica-lease.ts';

export interface StalledExitOptions {
  readonly connection: Connection;
  /** The worker's own replica and generation. */
  readonly replica: string;
  readonly generation: number;
  /** Whether this process ends its own lease, because no driver sees its death. */
  readonly endsLease: boolean;
  /** How far the clock of this host is ahead of Redis's, in ms. */
  readonly aheadMs: number;
  readonly log: LineLog;
}

/** Time to tell Redis and stderr, in ms. */
const exitMs = 1000;

/**
 * Ends this process from a thread, since the main thread is stalled: notes why, ends the leases and kills the
 * process. To the driver, that is a crash, as if the handler had killed the worker.
 * @param reason for people, e.g. `its event loop stood still for 10000 ms`.
 */
export async function exitStalled(
  options: StalledExitOptions,
  leases: readonly ReplicaLease[],
  reason: string,
): Promise<void> {
  const { connection, replica, generation, aheadMs, log } = options;
  log.error(
    { reason },
    'the worker gives up its leases and exits; the requests that it was running are lost',
  );
  const noted = new CrashNotes(connection).note(replica, { generation, at: Date.now() - aheadMs, reason });
  await Promise.race([Promise.all([noted, endLeases(options, leases), log.flush()]), delay(exitMs)]).catch(
    (error: unknown) => log.warn({ err: error, replica }, 'the leases were not ended; they will expire'),
  );
  process.kill(process.pid, 'SIGKILL');
}

/**
 * If a driver sees the process die, the own lease is left to that driver: to a controller, a process without
 * a lease would look like a worker that hangs.
 */
async function endLeases(
  { connection, endsLease }: StalledExitOptions,
  leases: readonly ReplicaLease[],
): Promise<void> {
  const store = new LeaseStore(connection);
  const ended = leases.filter((lease) => endsLease || !lease.own);
  await Promise.all(ended.map((lease) => lease.end()));
  await Promise.all(ended.map(({ replica }) => store.announce(replica, 'released')));
}
