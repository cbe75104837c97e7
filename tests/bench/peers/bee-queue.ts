import Queue from 'bee-queue';
import type { Peer } from './peer.ts';

const name = 'work';

/**
 * bee-queue with the events of the queue. Its guide uses the event of the job, which misses jobs that finish
 * before `save()` has their id; with 64 connections these are most of them.
 */
export const peer: Peer = {
  gateway: async (store) => {
    const queue = new Queue<{ id: string }>(name, {
      redis: store,
      isWorker: false,
      sendEvents: false,
      storeJobs: false,
    });
    const waiting = new Map<string, PromiseWithResolvers<string>>();
    const settle = (id: string): PromiseWithResolvers<string> | undefined => {
      const waiter = waiting.get(id);
      waiting.delete(id);
      return waiter;
    };
    queue.on('job succeeded', (id: string, answer: string) => settle(id)?.resolve(answer));
    queue.on('job failed', (id: string, error: Error) => settle(id)?.reject(error));
    await queue.ready();
    return {
      ask: async (id) => {
        const waiter = Promise.withResolvers<string>();
        waiting.set(id, waiter);
        await queue.createJob({ id }).setId(id).save();
        return waiter.promise;
      },
    };
  },
  worker: async (store, work, worker) => {
    const queue = new Queue<{ id: string }>(name, {
      redis: store,
      getEvents: false,
      storeJobs: false,
      removeOnSuccess: true,
      removeOnFailure: true,
    });
    await queue.ready();
    // Runs the jobs of dead workers again. The guide lets one process do that.
    if (worker === 'worker-1') await queue.checkStalledJobs(5000);
    queue.process(100, async ({ data: { id } }) => work(id));
  },
};
