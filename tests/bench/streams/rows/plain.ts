import type { Load } from '../../load/load.ts';
import { wrk } from '../../load/wrk.ts';
import { plainConnections } from '../plan.ts';
import type { Measured } from '../sample.ts';
import { costOf, cpuValues } from '../scene.ts';
import type { Scene } from '../scene.ts';
import { requestKinds } from '../../workload/requests.ts';

/** Puts a load of ordinary requests on the system. */
export function plainLoad({ running, nextRun }: Scene, seconds: number): Promise<Load> {
  return wrk({
    urls: [running.url],
    connections: plainConnections,
    seconds,
    run: nextRun(),
    request: requestKinds.get,
  });
}

/** @returns what is wrong with the answers of a load, in sentences. */
export function loadFaults({ answered, foreign, refused, broken }: Load): string[] {
  const found: [number, string][] = [
    [foreign, 'plain answers do not belong to their request'],
    [refused, 'plain answers are not 200'],
    [broken, 'connections with plain requests failed'],
  ];
  const faults = found.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return answered === 0 ? [...faults, 'there is no right plain answer'] : faults;
}

/** Ordinary requests while there are no streams. */
export async function measurePlain(scene: Scene): Promise<Measured> {
  const { plan } = scene;
  await plainLoad(scene, plan.warmUpSeconds);
  const { result: load, cost } = await costOf(
    scene,
    () => plainLoad(scene, plan.seconds),
    ({ answered }) => answered,
  );
  return {
    values: {
      rate: load.answered / load.seconds,
      ...cpuValues(cost, load.answered),
      ...(cost.redis && { commands: cost.redis.commands, scripts: cost.redis.scripts }),
    },
    faults: loadFaults(load),
  };
}
