import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { freeNames } from '../../gateway/autoscale/scale-change.ts';
import type { Load } from './loads.ts';
import { SimulatedReplica } from './queue.ts';
import type { Random } from './random.ts';
import type { Range, Scaler } from './scalers.ts';

/** A change of the number of replicas. Times are in seconds. */
export interface Change {
  readonly at: number;
  readonly from: number;
  readonly to: number;
  /** Requests as a part of the slots, mean of the 60 s before: what the replicas had to run. */
  readonly load: number;
}

/** What came out of one run. */
export interface Outcome {
  /** How long requests waited, in seconds, the shortest first. */
  readonly waits: Float64Array;
  /** How long replicas ran, also to finish what they had. */
  readonly replicaSeconds: number;
  readonly changes: readonly Change[];
  /** Keys that got another owner, as a part of all keys; each time counts. */
  readonly moved: number;
  /** The lowest and the highest number of replicas. */
  readonly least: number;
  readonly most: number;
}

/** Requests that a replica runs at once, and how long one takes, in seconds: 25 per second at most. */
export const slots = 10;
const serviceSeconds = 0.4;
/** A new replica needs this time until it takes requests, and a random part of as much again. */
const startSeconds = 4;
/** Rules only watch in this time, since some would remove all replicas before the first request. */
const warmUpSeconds = 60;
const tickSeconds = 2;
const sliceSeconds = 0.1;
const keyCount = 5000;

/**
 * Runs one load with one rule. Keys have owners as in production, and what waits at a replica stays there.
 * @param initial how many replicas there are at the beginning.
 */
export function simulate(load: Load, scaler: Scaler, range: Range, random: Random, initial: number): Outcome {
  const cluster = new Cluster(random, initial);
  const waits: number[] = [];
  const changes: Change[] = [];
  const recent: number[] = [];
  let [least, most] = [initial, initial];
  const slices = Math.round(load.seconds / sliceSeconds);
  const slicesPerTick = Math.round(tickSeconds / sliceSeconds);
  for (let slice = 0; slice < slices; slice += 1) {
    const at = slice * sliceSeconds;
    cluster.admit(at);
    if (slice % slicesPerTick === 0) {
      const replicas = cluster.loads(at);
      recent.push(replicas.reduce((all, { jobs }) => all + jobs / slots, 0));
      if (recent.length > 60 / tickSeconds) recent.shift();
      const from = replicas.length;
      const to = scaler.next({ at, replicas });
      if (to !== from && at >= warmUpSeconds) {
        cluster.scale(to, at);
        changes.push({ at, from, to, load: recent.reduce((all, each) => all + each, 0) / recent.length });
        [least, most] = [Math.min(least, to), Math.max(most, to)];
      }
    }
    const expected = load.rate(at) * sliceSeconds;
    const times = Array.from({ length: random.poisson(expected) }, () => at + random.next() * sliceSeconds);
    for (const time of times.toSorted((a, b) => a - b)) {
      const key = random.next() < load.hotShare(at) ? 0 : random.below(keyCount);
      waits.push(cluster.ownerOf(key).add(time, random.exponential(serviceSeconds)));
    }
  }
  cluster.scale(range.min, load.seconds);
  const replicaSeconds = cluster.replicaSeconds(load.seconds);
  return {
    waits: Float64Array.from(waits).toSorted(),
    replicaSeconds,
    changes,
    moved: cluster.moved,
    least,
    most,
  };
}

const parameters = defaultParameters('murmur3');

/** The replicas, and who owns which key. */
class Cluster {
  readonly #random: Random;
  #replicas: SimulatedReplica[];
  /** The names that own keys now. */
  #admitted = '';
  #owners: SimulatedReplica[] = [];
  #seconds = 0;
  #joinedAt = new Map<SimulatedReplica, number>();
  /** Keys that got another owner, as a part of all keys. */
  moved = 0;

  constructor(random: Random, initial: number) {
    this.#random = random;
    this.#replicas = Array.from({ length: initial }, (_, at) => new SimulatedReplica(`S${at + 1}`, slots, 0));
    for (const replica of this.#replicas) this.#joinedAt.set(replica, 0);
  }

  /** Lets those own keys that are ready. */
  admit(at: number): void {
    const ready = this.#replicas.filter(({ readyAt }) => readyAt <= at);
    const admitted = ready.map(({ name }) => name).join();
    if (admitted === this.#admitted) return;
    this.#admitted = admitted;
    const ring = createRing(
      parameters,
      ready.map(({ name }, index) => ({ name, joined: index + 1, weight: 1 })),
    );
    const byName = new Map(ready.map((replica) => [replica.name, replica]));
    const before = this.#owners;
    this.#owners = Array.from({ length: keyCount }, (_, key) => {
      const owner = byName.get(ring.owner(`key-${key}`) ?? '');
      if (owner === undefined) throw new Error('the ring is empty');
      return owner;
    });
    if (before.length > 0)
      this.moved += this.#owners.filter((owner, key) => owner.name !== before[key]?.name).length / keyCount;
  }

  ownerOf(key: number): SimulatedReplica {
    const owner = this.#owners[key];
    if (owner === undefined) throw new Error('the ring is empty');
    return owner;
  }

  loads(at: number) {
    return this.#replicas.map((replica) => {
      const { active, waiting } = replica.countAt(at);
      const { name, readyAt } = replica;
      const utilisation = Math.min(1, active / slots);
      return { name, jobs: active + waiting, concurrency: slots, utilisation, serving: readyAt <= at };
    });
  }

  /** The last one that has joined goes first, and names are reused. */
  scale(to: number, at: number): void {
    while (this.#replicas.length > to) this.#end(this.#replicas.pop(), at);
    const desired = this.#replicas.map(({ name }, index) => ({ name, joined: index + 1, weight: 1 }));
    for (const name of freeNames({ desired, retired: new Map() }, Math.max(0, to - this.#replicas.length))) {
      const readyAt = at + startSeconds * (1 + this.#random.next());
      const replica = new SimulatedReplica(name, slots, readyAt);
      this.#replicas.push(replica);
      this.#joinedAt.set(replica, at);
    }
    this.admit(at);
  }

  replicaSeconds(at: number): number {
    for (const replica of this.#replicas) this.#end(replica, at);
    return this.#seconds;
  }

  #end(replica: SimulatedReplica | undefined, at: number): void {
    if (replica === undefined) return;
    this.#seconds += Math.max(at, replica.lastEnd) - (this.#joinedAt.get(replica) ?? 0);
  }
}
