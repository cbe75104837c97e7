import { script } from './script.ts';

interface TakeBack {
  readonly replica: string;
  readonly id: string;
}

/** Removes a job that has not started, and its body. The result says whether there was such a job. */
export const takeBack = script<TakeBack, boolean>({
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
  decode: (reply) => reply === 1,
});
