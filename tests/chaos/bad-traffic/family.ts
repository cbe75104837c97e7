import type { Scenario } from '../scenario.ts';
import { carelessHandlers } from './careless-handlers.ts';
import { computingHandlers } from './computing-handlers.ts';
import { garbledRedis } from './garbled-redis.ts';
import { giantAnswers } from './giant-answers.ts';
import { halfSent } from './half-sent.ts';
import { parserFloods } from './parser-floods.ts';
import { poison, poisonCancelled } from './poison.ts';
import { proxiedBadTraffic } from './proxied.ts';
import { slowReaders } from './slow-readers.ts';
import { vanishingClients } from './vanishing-clients.ts';

/** What ordinary bad traffic does to the requests beside it; what proxies do where they can is at the end. */
export const badTraffic: readonly Scenario[] = [
  poison,
  poisonCancelled,
  parserFloods,
  vanishingClients,
  ...giantAnswers,
  slowReaders,
  computingHandlers,
  carelessHandlers,
  garbledRedis,
  halfSent,
  ...proxiedBadTraffic,
];
