/**
 * Consistent hashing with bounded loads. Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with
 * Bounded Loads", SODA 2018.
 */

/** What is known of a replica in the ring. */
export interface ReplicaLoad {
  readonly name: string;
  /** The weight that it has now. */
  readonly weight: number;
  /** The requests that wait and run there. */
  readonly load: number;
  /** How many requests its worker runs at once. */
  readonly concurrency: number;
  /** Whether its queue may have one more request (`QUEUE_LIMIT`). */
  readonly hasRoom: boolean;
}

/** The load and the weight of all replicas of a ring together. */
export interface TotalLoad {
  readonly load: number;
  readonly weight: number;
}

/** Why a replica gets a request, or is passed over. */
export type Reason = 'below cap' | 'at cap' | 'queue full' | 'all at cap';

/** A replica that was looked at, in the order of the walk. */
export interface Candidate extends Omit<ReplicaLoad, 'hasRoom'> {
  readonly cap: number;
  readonly reason: Reason;
}

/** @returns a load below which a replica takes requests, whatever the loads of the others. */
export function floorOf({ concurrency }: Pick<ReplicaLoad, 'concurrency'>): number {
  return 2 * concurrency;
}

/**
 * @param bound `LOAD_BOUND`: how many times its fair share of all load a replica may have.
 * @returns the load that a replica may reach: its part of all load, by its weight, times the bound. The
 * request that is to be placed counts as load.
 */
export function capOf(
  replica: Pick<ReplicaLoad, 'weight' | 'concurrency'>,
  total: TotalLoad,
  bound: number,
): number {
  const share = Math.ceil((bound * (total.load + 1) * replica.weight) / total.weight);
  return Math.max(floorOf(replica), share);
}

/** @returns the sums over all replicas of a ring. */
export function totalOf(replicas: Iterable<Pick<ReplicaLoad, 'load' | 'weight'>>): TotalLoad {
  const total = { load: 0, weight: 0 };
  for (const { load, weight } of replicas) {
    total.load += load;
    total.weight += weight;
  }
  return total;
}

/**
 * Walks the successors of a key until a replica takes the request: one whose load is below its cap, and whose
 * queue has room. If there is none, the first whose queue has room gets it; if all are full, the owner. All
 * gateways walk in the same order, so the requests of a key that spill land on the same few replicas. Pure.
 * @param successors the key's owner, then the other replicas.
 * @returns the replica that gets the request, and those that were looked at. None if there is no replica.
 */
export function walk(
  successors: Iterable<string>,
  loadOf: (replica: string) => ReplicaLoad | undefined,
  total: TotalLoad,
  bound: number,
): { readonly replica: string | undefined; readonly candidates: readonly Candidate[] } {
  const candidates: Candidate[] = [];
  for (const name of successors) {
    const replica = loadOf(name);
    if (replica === undefined) continue;
    const { hasRoom, ...known } = replica;
    const cap = capOf(replica, total, bound);
    const reason = replica.load >= cap ? 'at cap' : hasRoom ? 'below cap' : 'queue full';
    candidates.push({ ...known, cap, reason });
    if (reason === 'below cap') return { replica: name, candidates };
  }
  const chosen = candidates.find(({ reason }) => reason === 'at cap') ?? candidates[0];
  return {
    replica: chosen?.name,
    candidates: candidates.map((each) =>
      each === chosen && each.reason === 'at cap' ? { ...each, reason: 'all at cap' } : each,
    ),
  };
}
