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

/** What bad traffic does to other requests. The same bad traffic against proxies comes last. */
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
