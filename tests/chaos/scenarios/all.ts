import type { Scenario } from '../scenario.ts';
import { adoption, removedWhileBusy } from './adoption.ts';
import { controllerKilled } from './controller-killed.ts';
import { gatewayKilled, rollingRestart } from './gateway-faults.ts';
import { overload } from './overload.ts';
import { proxies } from './proxies.ts';
import { redisFaults } from './redis-faults.ts';
import { replicaHangs } from './replica-hangs.ts';
import { replicaKilled } from './replica-killed.ts';
import { silentStop } from './silent-stop.ts';
import { soak } from './soak.ts';
import { zombie } from './zombie.ts';

/** All scenarios, in the order in which they run; the soak last. */
export const scenarios: readonly Scenario[] = [
  replicaKilled,
  ...proxies,
  replicaHangs,
  zombie,
  adoption,
  removedWhileBusy,
  silentStop,
  controllerKilled,
  gatewayKilled,
  rollingRestart,
  ...redisFaults,
  overload,
  soak,
];
