import type { Cluster } from '../cluster.ts';

/** The generation of each replica: how many workers it has had. */
export type Generations = ReadonlyMap<string, number>;

/** @returns the present generations of the desired replicas. */
export async function generationsOf(cluster: Cluster): Promise<Generations> {
  const names = await cluster.desired();
  const each = await Promise.all(names.map((name) => cluster.redis.get(cluster.keys.generation(name))));
  return new Map(names.map((name, at) => [name, Number(each[at] ?? 0)]));
}

/** @returns how many workers of a replica were started between the two. */
export function startsOf(replica: string, before: Generations, after: Generations): number {
  return (after.get(replica) ?? 0) - (before.get(replica) ?? 0);
}

/** @returns the replicas whose worker was replaced between the two, except those in `except`. */
export function replacedBetween(
  before: Generations,
  after: Generations,
  except: readonly string[] = [],
): string[] {
  return [...before.keys()].filter((name) => !except.includes(name) && startsOf(name, before, after) !== 0);
}
