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
  const uneven = unevenAmong(serving.map(({ name }) => ({ name, ...(means.get(name) ?? nothing) })));
  let [load, utilisation] = [0, 0];
  for (const [name, mean] of means) {
    const most = uneven.names.includes(name) ? uneven.counts : Infinity;
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

/** Replicas that have more than twice the mean load. */
export interface Uneven {
  readonly names: readonly string[];
  /** Whether the others are below their target: then the uneven ones are hot. */
  readonly othersHaveRoom: boolean;
  /** How much of the load of each counts, as a part of its slots. */
  readonly counts: number;
}

/**
 * One of two replicas never has more than twice the mean, so there it has to have more than four times what
 * the other one has.
 * @param replicas those that take requests.
 * @returns the uneven ones. If the others have room, each counts as one replica that is used as it should be.
 * Otherwise it counts as twice what the others have, since new requests spread as theirs do.
 */
export function unevenAmong(replicas: readonly (Mean & { readonly name: string })[]): Uneven {
  const count = replicas.length;
  const sum = replicas.reduce((all, { load }) => all + load, 0);
  const isUneven = ({ load }: Mean): boolean =>
    load >= target && (count === 2 ? load > 2 * hotFactor * (sum - load) : load > (hotFactor * sum) / count);
  const others = replicas.filter((each) => !isUneven(each));
  const mean = (of: (each: Mean) => number): number =>
    others.reduce((all, each) => all + of(each), 0) / Math.max(1, others.length);
  const othersHaveRoom = mean(({ utilisation }) => utilisation) < target;
  return {
    names: replicas.filter(isUneven).map(({ name }) => name),
    othersHaveRoom,
    counts: othersHaveRoom ? target : Math.max(1, hotFactor * mean(({ load }) => load)),
  };
}
