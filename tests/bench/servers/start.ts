import { startNats } from './nats.ts';
import { startRabbitMq } from './rabbitmq.ts';
import { startRedis } from './redis.ts';
import type { RunningServer } from './running-server.ts';

/** The kinds of server between a peer's gateway and its workers. */
export type Store = 'redis' | 'nats' | 'rabbitmq';

const starts: Readonly<Record<Store, (folder: string) => Promise<RunningServer>>> = {
  redis: startRedis,
  nats: startNats,
  rabbitmq: startRabbitMq,
};

/** @returns a new, empty server, once it answers. */
export function startStore(store: Store, folder: string): Promise<RunningServer> {
  return starts[store](folder);
}
