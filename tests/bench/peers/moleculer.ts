import { ServiceBroker } from 'moleculer';
import type { Peer } from './peer.ts';

const options = {
  logger: false,
  // The fastest one according to Moleculer's documentation.
  serializer: 'CBOR',
  registry: { strategy: 'RoundRobin' },
};

/** Moleculer's remote calls over its Redis transporter. A call is a pub/sub message, so nothing is stored. */
export const peer: Peer = {
  gateway: async (store) => {
    const broker = new ServiceBroker({ ...options, nodeID: 'gateway', transporter: store });
    await broker.start();
    return { ask: (id) => broker.call<string>('work.do', { id }) };
  },
  worker: async (store, work, nodeID) => {
    const broker = new ServiceBroker({ ...options, nodeID, transporter: store });
    broker.createService({
      name: 'work',
      actions: { do: ({ params: { id } }: { params: { id: string } }) => work(id) },
    });
    await broker.start();
  },
};
