import { randomUUID } from 'node:crypto';
import { jobName } from '#shared/contract/job.ts';
import { requestId } from '#shared/contract/request-id.ts';
import { keys } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';

/** Something in Redis that none of ringpost's processes has written, or that has lost its shape. */
export interface Garbling {
  readonly what: string;
  act(cluster: Cluster): Promise<void>;
}

/** Data of jobs that are none. */
const garbage: Readonly<Record<string, string>> = {
  'half a job': '{"method":"GET","target":"/gar',
  null: 'null',
  'a list': '[1,2]',
  'a job of another shape': '{"method":7,"target":{},"headers":"none","deadline":"soon"}',
  'a body that is no base64':
    '{"method":"POST","target":"/x","headers":[],"body":{"base64":7},"gateway":"g"}',
};

/** Adds a job as BullMQ does. */
async function addJob({ redis }: Cluster, replica: string, data: string): Promise<void> {
  const id = requestId(randomUUID(), replica);
  await redis.hset(keys.job(replica, id), {
    name: jobName,
    data,
    opts: '{}',
    timestamp: Date.now(),
    delay: 0,
    priority: 0,
  });
  await enqueue(redis, replica, id);
}

async function enqueue(redis: Cluster['redis'], replica: string, id: string): Promise<void> {
  await redis.lpush(keys.unfinished(replica).wait, id);
  await redis.zadd(keys.marker(replica), 0, '0');
}

/** A garbage job of some kind for a replica. */
export function garbageJob(replica: string, at: number): Garbling {
  const kinds = Object.entries(garbage);
  const [what, data] = kinds[at % kinds.length] ?? ['nothing', ''];
  return { what: `${what} for ${replica}`, act: (cluster) => addJob(cluster, replica, data) };
}

/** All garblings, which leave the load alone. */
export const garblings: readonly Garbling[] = [
  ...Object.keys(garbage).map((_, at) => garbageJob('S1', at)),
  {
    what: 'an id without a job',
    act: ({ redis }) => enqueue(redis, 'S2', requestId(randomUUID(), 'S2')),
  },
  { what: 'an id that is none', act: ({ redis }) => enqueue(redis, 'S2', 'no id at all') },
  {
    what: 'a job that is a string',
    act: async ({ redis }) => {
      const id = requestId(randomUUID(), 'S2');
      await redis.set(keys.job('S2', id), 'garbage');
      await enqueue(redis, 'S2', id);
    },
  },
  {
    what: 'suspects that are a string',
    act: async ({ redis }) => void (await redis.set(keys.suspects('S3'), 'garbage')),
  },
  {
    what: 'a crash that is a list',
    act: async ({ redis }) => {
      await redis.del(keys.crash('S3'));
      await redis.lpush(keys.crash('S3'), 'garbage');
    },
  },
  {
    what: 'a state of a replica that is no JSON',
    act: async ({ redis }) => void (await redis.hset(keys.status, 'S1', '{"state":')),
  },
  {
    what: 'offers that are a string',
    act: async ({ redis }) => {
      await redis.del(keys.offered);
      await redis.set(keys.offered, 'garbage');
    },
  },
  {
    what: 'a desired replica with a name that none may have',
    act: async ({ redis }) => {
      await redis.hset(keys.desired, badName, JSON.stringify({ name: badName, joined: 99, weight: 1 }));
      await redis.incr(keys.version);
    },
  },
  {
    what: 'a place of a desired replica that is no JSON',
    act: async ({ redis }) => {
      await redis.hset(keys.desired, misplaced, '{"joined":');
      await redis.incr(keys.version);
    },
  },
];

/** What `/add` would refuse. */
const badName = 'no name!';
/** A replica that stays desired although its place on the ring cannot be read. */
export const misplaced = 'S3';
