import type { ReplicaHold } from '../../contract/replica-hold.ts';
import { pausedAmong } from '../queue/queue-pauses.ts';
import type { Connection } from '../redis/connection.ts';
import type { RingState } from './ring-store.ts';

/**
 * Reads what operators ask of the desired replicas: one round trip.
 * @returns the hold of each replica that has one. A restart is shown before the others, since it ends first.
 */
export async function readHolds(
  connection: Connection,
  state: RingState,
): Promise<ReadonlyMap<string, ReplicaHold>> {
  const { desired, drained, restarts } = state;
  const names = desired.map(({ name }) => name);
  const paused = await pausedAmong(connection, names);
  const holds = new Map<string, ReplicaHold>();
  for (const name of names) {
    if (restarts.has(name)) holds.set(name, 'restarting');
    else if (drained.has(name)) holds.set(name, 'drained');
    else if (paused.has(name)) holds.set(name, 'paused');
  }
  return holds;
}
