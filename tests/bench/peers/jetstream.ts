import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { fromBytes, toBytes } from './message.ts';
import type { Answer, Dispatch, Peer } from './peer.ts';

const stream = 'work';
const subject = 'work.request';
const durable = 'workers';

/** What a message carries beside the body. */
type RequestHead = Omit<Dispatch, 'body'> & { readonly id: string; readonly inbox: string };
type AnswerHead = Omit<Answer, 'body'> & { readonly id: string };

/**
 * A JetStream work queue: the request is stored and acknowledged. A worker pulls it, replies to the inbox of
 * the gateway and acknowledges it.
 */
export const peer: Peer = {
  bodies: 'buffer',
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
    const waiting = new Map<string, (answer: Answer) => void>();
    const inbox = `reply.${process.pid}`;
    connection.subscribe(inbox, {
      callback: (_, message) => {
        const { head, body } = fromBytes(message.data);
        const { id, ...rest } = head as AnswerHead; // the worker below wrote it
        waiting.get(id)?.({ ...rest, body });
        waiting.delete(id);
      },
    });
    const work = jetstream(connection);
    return {
      ask: async (id, { body, ...rest }) => {
        const { promise, resolve } = Promise.withResolvers<Answer>();
        waiting.set(id, resolve);
        const head: RequestHead = { id, inbox, ...rest };
        await work.publish(subject, toBytes(head, body));
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
        const { head, body } = fromBytes(message.data);
        const { id, inbox, ...rest } = head as RequestHead; // the gateway above wrote it
        const reply = ({ body: answered, ...answer }: Answer): void => {
          connection.publish(inbox, toBytes({ id, ...answer } satisfies AnswerHead, answered));
          message.ack();
        };
        const answer = work({ ...rest, body });
        if (answer instanceof Promise) void answer.then(reply);
        else reply(answer);
      },
    });
  },
};
