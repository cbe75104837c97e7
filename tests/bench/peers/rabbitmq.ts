import { connect } from 'amqplib';
import type { Peer } from './peer.ts';

const queue = 'work';
/** Otherwise Nagle's algorithm delays small frames by up to 40 ms. */
const socket = { noDelay: true };
const durable = { durable: true };

/** A durable queue with persistent messages, and answers by direct reply-to. */
export const peer: Peer = {
  gateway: async (store) => {
    const channel = await (await connect(store, socket)).createChannel();
    await channel.assertQueue(queue, durable);
    const waiting = new Map<string, (answer: string) => void>();
    await channel.consume(
      'amq.rabbitmq.reply-to',
      (message) => {
        if (message === null) return;
        const { correlationId: id } = message.properties;
        waiting.get(id)?.(message.content.toString());
        waiting.delete(id);
      },
      { noAck: true },
    );
    return {
      ask: (id) => {
        const { promise, resolve } = Promise.withResolvers<string>();
        waiting.set(id, resolve);
        channel.sendToQueue(queue, Buffer.from(id), {
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
      const reply = (answer: string): void => {
        const { replyTo, correlationId } = message.properties;
        channel.sendToQueue(replyTo, Buffer.from(answer), { correlationId });
        channel.ack(message);
      };
      const answer = work(message.content.toString());
      if (typeof answer === 'string') reply(answer);
      else void answer.then(reply);
    });
  },
};
