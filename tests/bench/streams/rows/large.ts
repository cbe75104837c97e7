import type { Role } from '../../measure/cpu.ts';
import { bulk } from '../../../fixtures/pattern.ts';
import { largeBytes, largeClients } from '../plan.ts';
import type { Memory, Probe } from '../probes.ts';
import type { Measured } from '../sample.ts';
import { costOf, cpuValues } from '../scene.ts';
import type { Scene } from '../scene.ts';
import { faultsOf, StreamClient } from '../stream-client.ts';

const warmUpBytes = 200_000_000;
const megabyte = 1_000_000;

/** A large answer for one client, then for eight at once. */
export async function measureLarge(scene: Scene): Promise<Measured> {
  const { plan, running } = scene;
  const faults: string[] = [];
  faults.push(...(await fetchAll(running.url, 1, warmUpBytes)).faults);
  const measure = async (name: string, clients: number, bytes: number): Promise<Record<string, number>> => {
    const before = await running.probes.memory();
    await running.probes.watch();
    const { result, cost } = await costOf(
      scene,
      () => scene.profiled(name, () => fetchAll(running.url, clients, bytes)),
      () => 1,
    );
    const most = await running.probes.most();
    faults.push(...result.faults);
    const megabytes = (clients * bytes) / megabyte;
    const values = {
      mbPerS: megabytes / result.seconds,
      ...cpuValues(cost, megabytes),
      ...growth(before, most),
    };
    return Object.fromEntries(Object.entries(values).map(([key, value]) => [`${name}_${key}`, value]));
  };
  const values = {
    ...(await measure('one', 1, largeBytes)),
    ...(await measure('eight', largeClients, plan.bytesEach)),
  };
  return { values, faults };
}

/** So many clients get so many bytes each, at once. */
export async function fetchAll(
  url: string,
  count: number,
  bytes: number,
): Promise<{ readonly seconds: number; readonly faults: string[] }> {
  const started = performance.now();
  const clients = Array.from({ length: count }, () => new StreamClient(`${url}/bulk/${bytes}`, bulk));
  await Promise.all(clients.map(({ ended }) => ended));
  const seconds = (performance.now() - started) / 1000;
  const short = clients.filter((client) => client.bytes !== bytes);
  return {
    seconds,
    faults: [
      ...faultsOf(clients),
      ...(short.length > 0 ? [`${short.length} answers have not ${bytes} bytes`] : []),
    ],
  };
}

/** @returns by how much the process of each role that has grown most has grown, in MB. */
function growth(
  before: ReadonlyMap<Probe, Memory>,
  most: ReadonlyMap<Probe, Memory>,
): Record<string, number> {
  const grown = (of: Role, kind: keyof Memory): number =>
    Math.max(
      ...[...before]
        .filter(([{ role }]) => role === of)
        .map(([probe, memory]) => ((most.get(probe)?.[kind] ?? 0) - memory[kind]) / megabyte),
    );
  const roles = new Set([...before.keys()].map(({ role }) => role));
  return Object.fromEntries(
    [...roles].flatMap((role) => [
      [`mbRss_${role}`, grown(role, 'rss')],
      [`mbLive_${role}`, grown(role, 'live')],
    ]),
  );
}
