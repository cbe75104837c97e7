import { formatEvent } from '../../contract/request-events.ts';
import { replicaOf } from '../../contract/request-id.ts';
import { script } from './script.ts';

export interface MoveJob {
  readonly id: string;
  /** The replica whose queue has the job. */
  readonly from: string;
  readonly to: string;
  /** The owner of the hash key, if another replica is selected because of the load. */
  readonly spilledFrom: string | undefined;
  /** Whether the request has a record. */
  readonly isRecorded: boolean;
  /** For how long it is known where the job of a request without a record is, in ms. */
  readonly ttlMs: number;
}

/**
 * Moves a job that waits for another attempt. Returns whether it is in the other queue now. It stays if a
 * worker has it, or died while it had it; if its request is not to be run; or if the worker of the other
 * queue looks for records in its own replica's keys only.
 */
export const moveJob = script<MoveJob, boolean>({
  file: 'move-job',
  keys: (keys, { id, from, to }) => {
    const { wait, prioritized, delayed } = keys.unfinished(from);
    return [
      wait,
      prioritized,
      delayed,
      keys.job(from, id),
      keys.requestBody(from, id),
      keys.job(to, id),
      keys.requestBody(to, id),
      keys.unfinished(to).delayed,
      keys.marker(to),
      keys.consumer(to),
      keys.lease(to),
      keys.request(from, id),
      keys.movedJob(id),
    ];
  },
  args: ({ id, from, to, spilledFrom = '', isRecorded, ttlMs }, keys) => [
    id,
    replicaOf(id) === to ? '' : to,
    isRecorded ? 1 : 0,
    ttlMs,
    keys.requestChanges(id),
    spilledFrom,
    formatEvent({ kind: 'moved', detail: `${from} ${to}` }),
  ],
  decode: (reply) => reply === 1,
});
