import { Queue, QueueEvents, Worker } from 'bullmq';
import type { Answer, Dispatch, Peer } from './peer.ts';

const name = 'work';
/** With `removeOnComplete: true`, `waitUntilFinished` misses jobs that are removed before it checks. */
const defaultJobOptions = { removeOnComplete: { count: 1000 }, removeOnFail: { count: 1000 } };
const ttlMs = 30_000;

function connectionTo(store: string): {
  host: string;
  port: number;
  password: string;
  maxRetriesPerRequest: null;
} {
  const { hostname, port, password } = new URL(store);
  return { host: hostname, port: Number(port), password, maxRetriesPerRequest: null };
}

/** BullMQ as its guide shows request and reply: `waitUntilFinished`. */
export const peer: Peer = {
  bodies: 'string',
  gateway: async (store) => {
    const queue = new Queue<Dispatch, Answer>(name, {
      connection: connectionTo(store),
      defaultJobOptions,
    });
    const events = new QueueEvents(name, { connection: connectionTo(store) });
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
    // There is one listener per waiting request.
    events.setMaxListeners(0);
    return {
      ask: async (_, dispatch) => {
        const job = await queue.add('request', dispatch);
        return job.waitUntilFinished(events, ttlMs);
      },
    };
  },
  worker: async (store, work) => {
    const worker = new Worker<Dispatch, Answer>(name, async ({ data }) => work(data), {
      connection: connectionTo(store),
      concurrency: 50,
    });
    worker.on('error', (error) => process.stderr.write(`${String(error)}\n`));
    await worker.waitUntilReady();
  },
};
