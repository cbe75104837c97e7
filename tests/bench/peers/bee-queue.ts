import Queue from 'bee-queue';
import type { Answer, Dispatch, Peer } from './peer.ts';

const name = 'work';

/**
 * bee-queue with the events of the queue. Its guide uses the event of the job, which misses jobs that finish
 * before `save()` has their id; with 64 connections these are most of them.
 */
export const peer: Peer = {
  bodies: 'string',
  gateway: async (store) => {
    const queue = new Queue<Dispatch, Answer>(name, {
      redis: store,
      isWorker: false,
      sendEvents: false,
      storeJobs: false,
    });
    const waiting = new Map<string, PromiseWithResolvers<Answer>>();
    const settle = (id: string): PromiseWithResolvers<Answer> | undefined => {
      const waiter = waiting.get(id);
      waiting.delete(id);
      return waiter;
    };
    queue.on('job succeeded', (id: string, answer: Answer) => settle(id)?.resolve(answer));
    queue.on('job failed', (id: string, error: Error) => settle(id)?.reject(error));
    await queue.ready();
    return {
      ask: async (id, dispatch) => {
        const waiter = Promise.withResolvers<Answer>();
        waiting.set(id, waiter);
        await queue.createJob(dispatch).setId(id).save();
        return waiter.promise;
      },
    };
  },
  worker: async (store, work, worker) => {
    const queue = new Queue<Dispatch, Answer>(name, {
      redis: store,
      getEvents: false,
      storeJobs: false,
      removeOnSuccess: true,
      removeOnFailure: true,
    });
    await queue.ready();
    // Runs the jobs of dead workers again. The guide lets one process do that.
    if (worker === 'worker-1') await queue.checkStalledJobs(5000);
    queue.process(100, async ({ data }) => work(data));
  },
};
