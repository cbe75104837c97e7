import { fulfils } from './constraints.ts';
import type { SwarmNode } from './swarm-objects.ts';

/** A worker, as far as placement is concerned. */
export interface PlacedReplica {
  readonly id: string;
  readonly name: string;
  readonly generation: number;
  /** Undefined while Swarm has not placed it. */
  readonly nodeId: string | undefined;
}

/** A worker that is to be replaced by one on another node. */
export interface Move {
  readonly id: string;
  readonly cause: string;
}

/** @returns the nodes on which replicas may run, as far as can be told without Swarm. */
export function usableNodes(
  nodes: readonly SwarmNode[],
  constraints: readonly string[],
  isLost: (nodeId: string) => boolean,
): SwarmNode[] {
  return nodes.filter(
    (node) =>
      node.Status.State === 'ready' &&
      node.Spec.Availability === 'active' &&
      fulfils(node, constraints) &&
      !isLost(node.ID),
  );
}

/**
 * Counts replicas per node. A replica that is being replaced counts where its newest worker is.
 * @param except a replica that does not count.
 */
export function replicasOn(
  replicas: readonly PlacedReplica[],
  except?: string,
): ReadonlyMap<string, readonly PlacedReplica[]> {
  const newest = new Map<string, PlacedReplica>();
  for (const replica of replicas) {
    const known = newest.get(replica.name);
    if (known === undefined || replica.generation > known.generation) newest.set(replica.name, replica);
  }
  newest.delete(except ?? '');
  return Map.groupBy(newest.values(), ({ nodeId }) => nodeId ?? '');
}

/** @returns the node with the fewest replicas; the first of several by id. */
export function emptiest(
  usable: readonly SwarmNode[],
  countOn: (nodeId: string) => number,
): SwarmNode | undefined {
  return usable.toSorted((a, b) => countOn(a.ID) - countOn(b.ID) || (a.ID < b.ID ? -1 : 1))[0];
}

/**
 * Finds a replica that should move so that replicas are spread evenly.
 * @param usable nodes on which replicas can run.
 * @param steady those that have been usable for long enough to move a replica there.
 * @returns the move, if the fullest node has at least two replicas more than the emptiest one.
 */
export function nextMove(
  replicas: readonly PlacedReplica[],
  usable: readonly SwarmNode[],
  steady: readonly SwarmNode[],
): Move | undefined {
  const on = replicasOn(replicas);
  const countOn = (id: string): number => on.get(id)?.length ?? 0;
  const to = emptiest(steady, countOn);
  const from = usable.toSorted((a, b) => countOn(b.ID) - countOn(a.ID) || (a.ID < b.ID ? -1 : 1))[0];
  if (to === undefined || from === undefined || countOn(from.ID) - countOn(to.ID) < 2) return undefined;
  const [first] = (on.get(from.ID) ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (first === undefined) return undefined;
  const shown = (node: SwarmNode): string => `${node.Description.Hostname} runs ${countOn(node.ID)}`;
  return { id: first.id, cause: `it moves to another node: ${shown(from)}, ${shown(to)}` };
}
