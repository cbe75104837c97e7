import { Queue, Reaper, RedisStorage } from '@platformatic/job-queue';
import type { Peer } from './peer.ts';

type Payload = { readonly id: string };

/** Answers are fetched at once. Keeping them for an hour, the default, would only fill the memory. */
const resultTTL = 10_000;

/** @platformatic/job-queue, `enqueueAndWait`. */
export const peer: Peer = {
  gateway: async (store) => {
    const queue = new Queue<Payload, string>({ storage: new RedisStorage({ url: store }), resultTTL });
    await queue.start();
    return { ask: (id) => queue.enqueueAndWait(id, { id }, { timeout: 30_000 }) };
  },
  worker: async (store, work, workerId) => {
    const storage = new RedisStorage({ url: store });
    const queue = new Queue<Payload, string>({ storage, workerId, concurrency: 100, resultTTL });
    queue.execute(async ({ payload: { id } }) => work(id));
    await queue.start();
    // Runs the jobs of dead workers again. One of the workers does that.
    await new Reaper({
      storage,
      visibilityTimeout: 30_000,
      leaderElection: { enabled: true },
    }).start();
  },
};
