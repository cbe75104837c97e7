import type { Scenario } from '../scenario.ts';
import { gatewayKilled, rollingRestart } from './gateway-faults.ts';
import { redisFaults } from './redis-faults.ts';
import { replicaHangs } from './replica-hangs.ts';
import { replicaKilled } from './replica-killed.ts';
import { soak } from './soak.ts';
import { zombie } from './zombie.ts';

/** All scenarios, in the order in which they run; the soak last. */
export const scenarios: readonly Scenario[] = [
  replicaKilled,
  replicaHangs,
  zombie,
  gatewayKilled,
  rollingRestart,
  ...redisFaults,
  soak,
];
