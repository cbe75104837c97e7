import { Redis } from 'ioredis';
import type { Answer, Dispatch, Peer } from './peer.ts';

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

/** A request and a reply as JSON, with the id that connects them. */
type Request = Dispatch & { readonly id: string; readonly inbox: string };
type Reply = Answer & { readonly id: string };

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
  bodies: 'string',
  gateway: async (store) => {
    const waiting = new Map<string, (answer: Answer) => void>();
    const inbox = `replies:${process.pid}`;
    const redis = new Redis(store, noRetryLimit);
    void take(new Redis(store, noRetryLimit), inbox, (reply) => {
      const { id, ...answer } = JSON.parse(reply) as Reply; // the worker below wrote it
      waiting.get(id)?.(answer);
      waiting.delete(id);
    });
    const push = perTurn<string>((values) => void redis.rpush(requests, ...values));
    return {
      ask: (id, dispatch) => {
        const { promise, resolve } = Promise.withResolvers<Answer>();
        waiting.set(id, resolve);
        push(JSON.stringify({ id, inbox, ...dispatch } satisfies Request));
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
      const { id, inbox, ...dispatch } = JSON.parse(request) as Request; // the gateway above wrote it
      const reply = (answer: Answer): void =>
        push([inbox, JSON.stringify({ id, ...answer } satisfies Reply)]);
      const answer = work(dispatch);
      if (answer instanceof Promise) void answer.then(reply);
      else reply(answer);
    });
  },
};
