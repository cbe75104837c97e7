import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { Peer } from './peer.ts';

const stream = 'work';
const subject = 'work.request';
const durable = 'workers';

/**
 * A JetStream work queue: the request is stored and acknowledged. A worker pulls it, replies to the inbox of
 * the gateway and acknowledges it. Ids contain no space.
 */
export const peer: Peer = {
  gateway: async (store) => {
    const connection = await connect({ servers: store, noAsyncTraces: true });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({
      name: stream,
      subjects: [subject],
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
    });
    await manager.consumers.add(stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: 10_000,
    });
    const waiting = new Map<string, (answer: string) => void>();
    const inbox = `reply.${process.pid}`;
    connection.subscribe(inbox, {
      callback: (_, message) => {
        const [id = '', answer = ''] = message.string().split(' ');
        waiting.get(id)?.(answer);
        waiting.delete(id);
      },
    });
    const work = jetstream(connection);
    return {
      ask: async (id) => {
        const { promise, resolve } = Promise.withResolvers<string>();
        waiting.set(id, resolve);
        await work.publish(subject, `${id} ${inbox}`);
        return promise;
      },
    };
  },
  worker: async (store, work) => {
    const connection = await connect({ servers: store, noAsyncTraces: true });
    const consumer = await jetstream(connection).consumers.get(stream, durable);
    await consumer.consume({
      max_messages: 100,
      callback: (message) => {
        const [id = '', inbox = ''] = message.string().split(' ');
        const reply = (answer: string): void => {
          connection.publish(inbox, `${id} ${answer}`);
          message.ack();
        };
        const answer = work(id);
        if (typeof answer === 'string') reply(answer);
        else void answer.then(reply);
      },
    });
  },
};
