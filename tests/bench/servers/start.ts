import { startNats } from './nats.ts';
import { startRabbitMq } from './rabbitmq.ts';
import { startRedis } from './redis.ts';
import type { RunningServer } from './running-server.ts';

/** What may stand between a peer's gateway and its workers. */
export type Store = 'redis' | 'nats' | 'rabbitmq';

const starts: Readonly<Record<Store, (folder: string) => Promise<RunningServer>>> = {
  redis: startRedis,
  nats: startNats,
  rabbitmq: startRabbitMq,
};

/** @returns a new and empty one, when it answers. */
export function startStore(store: Store, folder: string): Promise<RunningServer> {
  return starts[store](folder);
}
