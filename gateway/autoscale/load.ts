import { hotFactor, target } from '../settings/autoscale-rule.ts';

/** The load of one replica at one moment. */
export interface ReplicaLoad {
  readonly name: string;
  /** Its requests: those that run, and those that wait and could run now. */
  readonly jobs: number;
  /** The requests that its worker may run at once. */
  readonly concurrency: number;
  /** From 0 to 1, as its worker reports it. */
  readonly utilisation: number;
  /** Whether it takes requests now. A replica that starts, or is lost, is none that is idle. */
  readonly serving: boolean;
  /** Its weight on the ring; unset: 1. */
  readonly weight?: number;
  /** Whether it has only a part of its keys, because it starts slowly; unset: it has all of them. */
  readonly growing?: boolean;
}

/** The load of all replicas that count, at one moment. */
export interface LoadSample {
  /** In ms, on a clock that never goes back. */
  readonly at: number;
  readonly replicas: readonly ReplicaLoad[];
}

/** The mean load of a window. */
export interface WindowLoad {
  /** How many replicas it wants: not rounded, and not limited to a range. */
  readonly wanted: number;
  /** Replicas that are busy while the others are idle. */
  readonly hot: readonly string[];
}

interface Mean {
  /** Requests as a part of the slots; above 1 if they wait. */
  readonly load: number;
  readonly utilisation: number;
}

const nothing: Mean = { load: 0, utilisation: 0 };

/**
 * @param samples of one window, at least one.
 * @returns how many replicas it wants. What waits at an uneven replica hardly counts: its keys stay where
 * they are, however many replicas there are.
 */
export function windowLoad(samples: readonly LoadSample[]): WindowLoad {
  const means = meansOf(samples);
  const serving = (samples.at(-1)?.replicas ?? []).filter((replica) => replica.serving);
  const uneven = unevenAmong(
    serving.map(({ name, weight = 1 }) => ({ name, weight, ...(means.get(name) ?? nothing) })),
  );
  let [load, utilisation] = [0, 0];
  for (const [name, mean] of means) {
    const most = uneven.counts.get(name) ?? Infinity;
    load += Math.min(mean.load, most);
    utilisation += Math.min(mean.utilisation, most);
  }
  // While others have few keys yet, it is no wonder that one has more to do.
  const isHot = uneven.othersHaveRoom && !serving.some(({ growing }) => growing === true);
  return { wanted: Math.max(load, utilisation) / target, hot: isHot ? uneven.names : [] };
}

/** Over the whole window: a replica that was not there for a part of it had no load then. */
function meansOf(samples: readonly LoadSample[]): ReadonlyMap<string, Mean> {
  const means = new Map<string, Mean>();
  for (const { replicas } of samples)
    for (const { name, jobs, concurrency, utilisation } of replicas) {
      const mean = means.get(name) ?? nothing;
      means.set(name, {
        load: mean.load + jobs / concurrency / samples.length,
        utilisation: mean.utilisation + utilisation / samples.length,
      });
    }
  return means;
}

/** Replicas that have more than twice the mean load, for their weights. */
export interface Uneven {
  readonly names: readonly string[];
  /** Whether the others are below their target: then the uneven ones are hot. */
  readonly othersHaveRoom: boolean;
  /** How much of the load of each of them counts, as a part of its slots. */
  readonly counts: ReadonlyMap<string, number>;
}

/** What is known of a replica that takes requests. */
interface Weighted extends Mean {
  readonly name: string;
  readonly weight: number;
}

/**
 * A replica that has half of all weight, such as one of two, never has more than twice the mean. It has to
 * have more than four times what the others have, for their weights.
 * @param replicas those that take requests.
 * @returns the uneven ones. If the others have room, each counts as one replica that is used as it should be.
 * Otherwise it counts as twice what the others have, since new requests spread as theirs do.
 */
export function unevenAmong(replicas: readonly Weighted[]): Uneven {
  const sum = sumOf(replicas, ({ load }) => load);
  const weights = sumOf(replicas, ({ weight }) => weight);
  const isUneven = ({ load, weight }: Weighted): boolean => {
    if (load < target || weight === weights) return false;
    return hotFactor * weight >= weights
      ? load / weight > (2 * hotFactor * (sum - load)) / (weights - weight)
      : load / weight > (hotFactor * sum) / weights;
  };
  const uneven = replicas.filter(isUneven);
  const others = replicas.filter((each) => !uneven.includes(each));
  const othersHaveRoom =
    sumOf(others, ({ utilisation }) => utilisation) / Math.max(1, others.length) < target;
  const loadForWeight =
    sumOf(others, ({ load }) => load) /
    Math.max(
      1,
      sumOf(others, (each) => each.weight),
    );
  const counted = ({ weight }: Weighted): number =>
    othersHaveRoom ? target : Math.max(1, hotFactor * loadForWeight * weight);
  return {
    names: uneven.map(({ name }) => name),
    othersHaveRoom,
    counts: new Map(uneven.map((each) => [each.name, counted(each)])),
  };
}

function sumOf(replicas: readonly Weighted[], of: (each: Weighted) => number): number {
  return replicas.reduce((sum, each) => sum + of(each), 0);
}
