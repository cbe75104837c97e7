import { nodePeer } from './node-peer.ts';
import { fastifyProxy, haproxy, nginx } from './proxied.ts';
import { ringpostDefault, ringpostObserved, ringpostStock } from './ringpost.ts';
import type { System } from './system.ts';

/** The system that the others are compared with. */
export const ours = ringpostDefault;

/** All systems, in the order in which they take turns. */
export const systems: readonly System[] = [
  ringpostDefault,
  ringpostStock,
  ringpostObserved,
  nodePeer({
    name: 'textbook',
    title: 'BullMQ, `waitUntilFinished`',
    durable: true,
    store: 'redis',
    file: 'textbook.ts',
    settings:
      'One queue, three `Worker`s with `concurrency: 50`, one `QueueEvents`, ' +
      '`removeOnComplete: { count: 1000 }` ' +
      '(with `true`, `waitUntilFinished` misses jobs that are removed before it checks).',
  }),
  nodePeer({
    name: 'jetstream',
    title: 'NATS JetStream, work queue',
    durable: true,
    store: 'nats',
    file: 'jetstream.ts',
    settings:
      'Stream in files with retention `workqueue`, one durable pull consumer (`ack_policy: explicit`, ' +
      '`max_ack_pending: 10000`), each worker with `max_messages: 100` and a callback, `noAsyncTraces`; ' +
      'each publish is acknowledged, answers go to an inbox of the gateway. ' +
      'It syncs its files every two minutes; ' +
      'this version has no setting for that.',
  }),
  nodePeer({
    name: 'rabbitmq',
    title: 'RabbitMQ, durable queue, direct reply-to',
    durable: true,
    store: 'rabbitmq',
    file: 'rabbitmq.ts',
    settings:
      'Classic durable queue, persistent messages, `prefetch(100)`, manual acknowledgement, ' +
      'direct reply-to, `noDelay` in the client and `nodelay` in the broker, no busy waiting ' +
      '(`+sbwt none`, as its documentation recommends for shared processors), ' +
      'no publisher confirms, no plugins.',
  }),
  nodePeer({
    name: 'bee-queue',
    title: 'bee-queue',
    durable: true,
    store: 'redis',
    file: 'bee-queue.ts',
    settings:
      'Producer with `isWorker: false`, `sendEvents: false`, `storeJobs: false`; ' +
      'workers with concurrency 100, `getEvents: false`, `storeJobs: false`, `removeOnSuccess: true`, ' +
      '`checkStalledJobs(5000)` in one of them; ' +
      'the answer is the queue event `job succeeded` ' +
      "(the job's own event misses jobs that finish before `save()` returns).",
  }),
  nodePeer({
    name: 'moleculer',
    title: 'Moleculer over Redis, with Fastify',
    durable: false,
    store: 'redis',
    file: 'moleculer.ts',
    settings: 'Redis transporter, serializer CBOR (`cbor-x`), `RoundRobin`, no logger, metrics or tracing.',
  }),
  nodePeer({
    name: 'job-queue',
    title: '@platformatic/job-queue, `enqueueAndWait`',
    durable: true,
    store: 'redis',
    file: 'job-queue.ts',
    settings:
      '`RedisStorage`, `concurrency: 100`, `resultTTL: 10000`, JSON, ' +
      'a `Reaper` with `leaderElection` in each worker.',
  }),
  fastifyProxy,
  haproxy,
  nginx,
  nodePeer({
    name: 'redis-lists',
    title: 'the lower bound: plain Redis lists, batched',
    durable: false,
    store: 'redis',
    file: 'redis-lists.ts',
    settings:
      'A list of requests and a list of replies, `BLMPOP … COUNT 100`, ' +
      'one `RPUSH` per turn of the event loop; no job state: what a worker has taken is lost if it dies.',
  }),
];
