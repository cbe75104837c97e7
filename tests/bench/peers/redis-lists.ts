import { Redis } from 'ioredis';
import type { Peer } from './peer.ts';

const requests = 'requests';
const maxPopped = '100';
const noRetryLimit = { maxRetriesPerRequest: null };

/** Collects values until the end of a turn of the event loop. */
function perTurn<T>(send: (values: T[]) => void): (value: T) => void {
  let collected: T[] = [];
  return (value) => {
    if (collected.push(value) > 1) return;
    setImmediate(() => {
      const values = collected;
      collected = [];
      send(values);
    });
  };
}

/** Pops values from a list, forever. */
async function take(redis: Redis, list: string, got: (value: string) => void): Promise<never> {
  for (;;) {
    const popped = await redis.blmpop(0, 1, list, 'LEFT', 'COUNT', maxPopped);
    for (const value of popped?.[1] ?? []) got(value);
  }
}

/**
 * The lower bound: a list of requests and a list of replies, with one command per turn of the event loop.
 * Jobs have no state: what a worker has taken is lost if it dies.
 */
export const peer: Peer = {
  gateway: async (store) => {
    const waiting = new Map<string, (answer: string) => void>();
    const inbox = `replies:${process.pid}`;
    const redis = new Redis(store, noRetryLimit);
    void take(new Redis(store, noRetryLimit), inbox, (reply) => {
      const [id = '', answer = ''] = reply.split(' ');
      waiting.get(id)?.(answer);
      waiting.delete(id);
    });
    const push = perTurn<string>((values) => void redis.rpush(requests, ...values));
    return {
      ask: (id) => {
        const { promise, resolve } = Promise.withResolvers<string>();
        waiting.set(id, resolve);
        push(`${id} ${inbox}`);
        return promise;
      },
    };
  },
  worker: async (store, work) => {
    const redis = new Redis(store, noRetryLimit);
    const push = perTurn<readonly [inbox: string, reply: string]>((values) => {
      const byInbox = Map.groupBy(values, ([inbox]) => inbox);
      for (const [inbox, replies] of byInbox) void redis.rpush(inbox, ...replies.map(([, reply]) => reply));
    });
    void take(new Redis(store, noRetryLimit), requests, (request) => {
      const [id = '', inbox = ''] = request.split(' ');
      const answer = work(id);
      if (typeof answer === 'string') push([inbox, `${id} ${answer}`]);
      else void answer.then((text) => push([inbox, `${id} ${text}`]));
    });
  },
};
