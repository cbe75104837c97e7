import { expectedOfReplica, expectedOfRequest } from '#shared/store/repair/expected-keys.ts';
import { KeyRepair } from '#shared/store/repair/key-repair.ts';
import { activeJobs, reclaim } from './reclaim.ts';
import type { Death, ReclaimOptions } from './reclaim.ts';

/**
 * Takes back all that a dead generation held; also if Redis has garbled data in a key of the replica, or of one of
 * those requests. To be called with the replica's lease in hand, before the first job is taken.
 */
export async function reclaimAll(options: ReclaimOptions, death: Death): Promise<void> {
  const { redis, keys, replica, log } = options;
  let held: readonly string[] = [];
  await new KeyRepair(redis, keys, log, 'worker').mending(
    async () => {
      held = await activeJobs(options);
      await reclaim(options, held, death);
    },
    () => [
      ...expectedOfReplica(keys, replica),
      ...held.flatMap((id) => expectedOfRequest(keys, replica, id)),
    ],
  );
}
