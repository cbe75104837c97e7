import { randomUUID } from 'node:crypto';
import { jobName } from '#shared/contract/job.ts';
import { requestId } from '#shared/contract/request-id.ts';
import type { Cluster } from '../cluster.ts';

/** A way to write garbled data into Redis. */
export interface Garbling {
  readonly what: string;
  act(cluster: Cluster): Promise<void>;
}

/** Data of garbage jobs. */
const garbage: Readonly<Record<string, string>> = {
  'half a job': '{"method":"GET","target":"/gar',
  null: 'null',
  'a list': '[1,2]',
  'a job of another shape': '{"method":7,"target":{},"headers":"none","deadline":"soon"}',
  'a body that is not base64':
    '{"method":"POST","target":"/x","headers":[],"body":{"base64":7},"gateway":"g"}',
};

/** Adds a job as BullMQ does. */
async function addJob(cluster: Cluster, replica: string, data: string): Promise<void> {
  const id = requestId(randomUUID(), replica);
  await cluster.redis.hset(cluster.keys.job(replica, id), {
    name: jobName,
    data,
    opts: '{}',
    timestamp: Date.now(),
    delay: 0,
    priority: 0,
  });
  await enqueue(cluster, replica, id);
}

async function enqueue({ redis, keys }: Cluster, replica: string, id: string): Promise<void> {
  await redis.lpush(keys.unfinished(replica).wait, id);
  await redis.zadd(keys.marker(replica), 0, '0');
}

/** @returns a garbage job for a replica; `at` chooses the kind. */
export function garbageJob(replica: string, at: number): Garbling {
  const kinds = Object.entries(garbage);
  const [what, data] = kinds[at % kinds.length] ?? ['nothing', ''];
  return { what: `${what} for ${replica}`, act: (cluster) => addJob(cluster, replica, data) };
}

/** All garblings. None of them touches data of the load's requests. */
export const garblings: readonly Garbling[] = [
  ...Object.keys(garbage).map((_, at) => garbageJob('S1', at)),
  {
    what: 'an id without a job',
    act: (cluster) => enqueue(cluster, 'S2', requestId(randomUUID(), 'S2')),
  },
  { what: 'an invalid id', act: (cluster) => enqueue(cluster, 'S2', 'no id at all') },
  {
    what: 'a job that is a string',
    act: async (cluster) => {
      const id = requestId(randomUUID(), 'S2');
      await cluster.redis.set(cluster.keys.job('S2', id), 'garbage');
      await enqueue(cluster, 'S2', id);
    },
  },
  {
    what: 'suspects that are a string',
    act: async ({ redis, keys }) => void (await redis.set(keys.suspects('S3'), 'garbage')),
  },
  {
    what: 'a crash that is a list',
    act: async ({ redis, keys }) => {
      await redis.del(keys.crash('S3'));
      await redis.lpush(keys.crash('S3'), 'garbage');
    },
  },
  {
    what: 'a state of a replica that is not JSON',
    act: async ({ redis, keys }) => void (await redis.hset(keys.status, 'S1', '{"state":')),
  },
  {
    what: 'offers that are a string',
    act: async ({ redis, keys }) => {
      await redis.del(keys.offered);
      await redis.set(keys.offered, 'garbage');
    },
  },
  {
    what: 'a desired replica with an invalid name',
    act: async ({ redis, keys }) => {
      await redis.hset(keys.desired, badName, JSON.stringify({ name: badName, joined: 99, weight: 1 }));
      await redis.incr(keys.version);
    },
  },
  {
    what: 'a place of a desired replica that is not JSON',
    act: async ({ redis, keys }) => {
      await redis.hset(keys.desired, misplaced, '{"joined":');
      await redis.incr(keys.version);
    },
  },
];

/** A name that `/add` refuses. */
const badName = 'no name!';
/** The replica whose place on the ring is garbled. It stays desired. */
export const misplaced = 'S3';
