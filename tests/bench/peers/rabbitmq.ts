import { connect } from 'amqplib';
import { fromBytes, toBytes } from './message.ts';
import type { Answer, Dispatch, Peer } from './peer.ts';

const queue = 'work';
/** Otherwise Nagle's algorithm delays small frames by up to 40 ms. */
const socket = { noDelay: true };
const durable = { durable: true };

/**
 * A durable queue with persistent messages, and answers by direct reply-to. A message is a line of JSON and
 * the body; amqplib writes tables of header fields at a higher cost.
 */
export const peer: Peer = {
  bodies: 'buffer',
  gateway: async (store) => {
    const channel = await (await connect(store, socket)).createChannel();
    await channel.assertQueue(queue, durable);
    const waiting = new Map<string, (answer: Answer) => void>();
    await channel.consume(
      'amq.rabbitmq.reply-to',
      (message) => {
        if (message === null) return;
        const { correlationId: id } = message.properties;
        const { head, body } = fromBytes(message.content);
        // The worker below wrote it.
        waiting.get(id)?.({ ...(head as Omit<Answer, 'body'>), body });
        waiting.delete(id);
      },
      { noAck: true },
    );
    return {
      ask: (id, { body, ...head }) => {
        const { promise, resolve } = Promise.withResolvers<Answer>();
        waiting.set(id, resolve);
        channel.sendToQueue(queue, toBytes(head, body), {
          persistent: true,
          correlationId: id,
          replyTo: 'amq.rabbitmq.reply-to',
        });
        return promise;
      },
    };
  },
  worker: async (store, work) => {
    const channel = await (await connect(store, socket)).createChannel();
    await channel.assertQueue(queue, durable);
    await channel.prefetch(100);
    await channel.consume(queue, (message) => {
      if (message === null) return;
      const reply = ({ body: answered, ...rest }: Answer): void => {
        const { replyTo, correlationId } = message.properties;
        channel.sendToQueue(replyTo, toBytes(rest, answered), { correlationId });
        channel.ack(message);
      };
      const { head, body } = fromBytes(message.content);
      // The gateway above wrote it.
      const answer = work({ ...(head as Omit<Dispatch, 'body'>), body });
      if (answer instanceof Promise) void answer.then(reply);
      else reply(answer);
    });
  },
};
