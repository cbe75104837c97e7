import type { Logger } from '#shared/process/logger.ts';
import { nextGeneration } from '#shared/store/lease/generations.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { WorkerRepair } from '#shared/store/repair/worker-repair.ts';

/** @returns a new generation, for a worker that no controller has given one. */
export function ownGeneration(connection: Connection, replica: string, log: Logger): Promise<number> {
  return new WorkerRepair(connection, log).withRepair(
    () => nextGeneration(connection, replica),
    () => ({ replicas: [replica] }),
  );
}
