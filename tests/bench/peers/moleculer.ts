import { ServiceBroker } from 'moleculer';
import type { Answer, Dispatch, Peer } from './peer.ts';

const options = {
  logger: false,
  // The fastest one according to Moleculer's documentation.
  serializer: 'CBOR',
  registry: { strategy: 'RoundRobin' },
};

/** Moleculer's remote calls over its Redis transporter. A call is a pub/sub message, so nothing is stored. */
export const peer: Peer = {
  // A body of text costs CBOR less than one of bytes.
  bodies: 'string',
  gateway: async (store) => {
    const broker = new ServiceBroker({ ...options, nodeID: 'gateway', transporter: store });
    await broker.start();
    return { ask: (_, dispatch) => broker.call<Answer>('work.do', dispatch) };
  },
  worker: async (store, work, nodeID) => {
    const broker = new ServiceBroker({ ...options, nodeID, transporter: store });
    broker.createService({
      name: 'work',
      actions: { do: ({ params }: { params: Dispatch }) => work(params) },
    });
    await broker.start();
  },
};
