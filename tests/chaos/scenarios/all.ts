import { badTraffic } from '../bad-traffic/family.ts';
import type { Scenario } from '../scenario.ts';
import { streams } from '../streams/family.ts';
import { unevenLoad } from '../uneven/family.ts';
import { soakEverything } from '../uneven/soak-everything.ts';
import { adoption, removedWhileBusy } from './adoption.ts';
import { controllerKilled } from './controller-killed.ts';
import { failover } from './failover.ts';
import { partition } from './partition.ts';
import { gatewayKilled, rollingRestart } from './gateway-faults.ts';
import { overload } from './overload.ts';
import { proxies } from './proxies.ts';
import { redisFaults } from './redis-faults.ts';
import { replicaHangs } from './replica-hangs.ts';
import { replicaKilled } from './replica-killed.ts';
import { silentStop } from './silent-stop.ts';
import { groupSoaks, soak } from './soak.ts';
import { mixedReleases, unsafeDeaths } from './unsafe-deaths.ts';
import { zombie } from './zombie.ts';

/** A group of scenarios with a section of its own in the report. */
export type FamilyName =
  | 'faults'
  | 'failover'
  | 'proxies'
  | 'bad-traffic'
  | 'streams'
  | 'load'
  | 'soak'
  | 'soak-everything';

export interface Family {
  readonly name: FamilyName;
  readonly scenarios: readonly Scenario[];
}

/** All scenarios, in the order in which they run. The soaks are last. */
export const families: readonly Family[] = [
  {
    name: 'faults',
    scenarios: [
      replicaKilled,
      replicaHangs,
      zombie,
      ...unsafeDeaths,
      mixedReleases,
      adoption,
      removedWhileBusy,
      silentStop,
      controllerKilled,
      gatewayKilled,
      rollingRestart,
      ...redisFaults,
      overload,
    ],
  },
  { name: 'failover', scenarios: [...failover, ...partition, ...groupSoaks] },
  { name: 'proxies', scenarios: proxies },
  { name: 'bad-traffic', scenarios: badTraffic },
  { name: 'streams', scenarios: streams },
  { name: 'load', scenarios: unevenLoad },
  { name: 'soak', scenarios: [soak] },
  { name: 'soak-everything', scenarios: [soakEverything] },
];
