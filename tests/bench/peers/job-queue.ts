import { Queue, Reaper, RedisStorage } from '@platformatic/job-queue';
import type { Answer, Dispatch, Peer } from './peer.ts';

/** Answers are fetched at once. Keeping them for an hour, the default, would only fill the memory. */
const resultTTL = 10_000;

/** @platformatic/job-queue, `enqueueAndWait`. */
export const peer: Peer = {
  bodies: 'string',
  gateway: async (store) => {
    const queue = new Queue<Dispatch, Answer>({ storage: new RedisStorage({ url: store }), resultTTL });
    await queue.start();
    return { ask: (id, dispatch) => queue.enqueueAndWait(id, dispatch, { timeout: 30_000 }) };
  },
  worker: async (store, work, workerId) => {
    const storage = new RedisStorage({ url: store });
    const queue = new Queue<Dispatch, Answer>({ storage, workerId, concurrency: 100, resultTTL });
    queue.execute(async ({ payload }) => work(payload));
    await queue.start();
    // Runs the jobs of dead workers again. One of the workers does that.
    await new Reaper({
      storage,
      visibilityTimeout: 30_000,
      leaderElection: { enabled: true },
    }).start();
  },
};
