import { script } from './script.ts';

interface TakeBack {
  readonly replica: string;
  readonly id: string;
}

/**
 * What became of a job that was to be taken back. `lost`: it is taken back, and a worker has died before
 * while it ran the job. `no`: it is not there, or a worker has started it.
 */
export type TakenBack = 'taken' | 'lost' | 'no';

/** Removes a job that has not started, and its body. */
export const takeBack = script<TakeBack, TakenBack>({
  file: 'take-back',
  keys: (keys, { replica, id }) => {
    const { wait, prioritized, delayed, active } = keys.unfinished(replica);
    return [
      wait,
      prioritized,
      delayed,
      keys.job(replica, id),
      keys.requestBody(replica, id),
      active,
      keys.jobLock(replica, id),
      keys.consumer(replica),
      keys.suspects(replica),
      keys.lease(replica),
    ];
  },
  args: ({ replica, id }, keys) => [id, keys.bullMq(keys.queue(replica), '')],
  decode: (reply) => (reply === 2 ? 'lost' : reply === 1 ? 'taken' : 'no'),
});
