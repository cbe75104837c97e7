import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { isCount } from '../contract/json-object.ts';
import { expectedOfReplica, expectedOfRing, isConfigKey, isParameters } from './repair/expected-keys.ts';
import { GarbledError, KeyRepair } from './repair/key-repair.ts';
import type { Keys } from './keys/keys.ts';
import type { Logger } from '../process/logger.ts';
import { RingReading } from './ring-reading.ts';
import type { RingMember, RingParameters } from '../ring/ring.ts';
import { differingParameters } from '../ring/strategies.ts';
import { generationTtlMs } from './replica-queue.ts';
import { clockOf } from './redis/redis-clock.ts';
import { scriptsOn } from './scripts/load.ts';
import type { RunScript } from './scripts/load.ts';

/** One consistent picture of the ring in Redis. */
export interface RingState {
  /** Raised by each change; -1 where nothing was ever desired. */
  readonly version: number;
  /** The last joining number given. */
  readonly joined: number;
  /** The replicas that there shall be, in the order of `/rep`. */
  readonly desired: readonly RingMember[];
  /** The replicas that own keys, with the generation that was let in. */
  readonly ring: ReadonlyMap<string, number>;
  /** The replicas that finish what they hold, with the time of their `/rm` in ms since the epoch. */
  readonly retired: ReadonlyMap<string, number>;
  /** Settings that are the same for all gateways, by their names; none where no gateway was ever started. */
  readonly settings: ReadonlyMap<string, string>;
}

/** A change of the desired replicas, made for one state. */
export interface DesiredChange {
  readonly add: readonly RingMember[];
  readonly remove: readonly string[];
}

/** This process's ring parameters are not those in Redis. */
export class RingMismatchError extends Error {
  override readonly name = 'RingMismatchError';
}

/** The ring's members, parameters and version in Redis; each change is one script, all or nothing. */
export class RingStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #run: RunScript;
  readonly #repair: KeyRepair;
  readonly #reading: RingReading;

  constructor(redis: Redis, keys: Keys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#repair = new KeyRepair(redis, keys, log);
    this.#reading = new RingReading(keys, this.#repair.aside, () => clockOf(redis).now());
    const run = scriptsOn(redis);
    this.#run = (...call) =>
      this.#repair.mending(
        () => run(...call),
        () => expectedOfRing(keys),
      );
  }

  /** The desired replicas whose places on the ring cannot be read, as {@link read} has found last. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#reading.unreadable;
  }

  /**
   * Makes `parameters` those of the ring, or checks that they are.
   * @throws {RingMismatchError} that says in what they differ.
   */
  async claimParameters(parameters: RingParameters): Promise<void> {
    const { parameters: key } = this.#keys;
    // claim-parameters.lua returns {0 or 1, JSON}.
    const claim = async (): Promise<string> => {
      const [, json] = (await this.#run('claim-parameters', key, JSON.stringify(parameters))) as [
        number,
        string,
      ];
      if (!isParameters(json)) throw new GarbledError('the parameters of the ring cannot be read');
      return json;
    };
    const json = await this.#repair.mending(claim, () => expectedOfRing(this.#keys));
    const differing = differingParameters(parameters, JSON.parse(json) as RingParameters);
    if (differing.length === 0) return;
    throw new RingMismatchError(
      `This gateway's ring is not the one in Redis (${differing.join('; ')}). Use the same settings, ` +
        `another NAMESPACE, or, with every gateway stopped, delete the keys ${key} and ${this.#keys.desired}.`,
    );
  }

  /**
   * Makes settings those of all gateways, if there are none yet or `replace` says so.
   * @returns those that stood before. Nothing is changed if one of them differs and is not to be replaced.
   */
  async claimSettings(
    settings: ReadonlyMap<string, string>,
    replace: boolean,
  ): Promise<ReadonlyMap<string, string>> {
    const { settings: key, changes } = this.#keys;
    // claim-settings.lua returns names and values in turn.
    const standing = (await this.#run(
      'claim-settings',
      key,
      changes,
      replace ? 1 : 0,
      ...[...settings].flat(),
    )) as string[];
    return new Map(pairs(standing));
  }

  /** @returns the key of the hash by which containers of other settings are known, the same for all controllers. */
  configKey(): Promise<string> {
    const claim = async (): Promise<string> => {
      const fresh = randomBytes(32).toString('hex');
      const key = (await this.#redis.set(this.#keys.configKey, fresh, 'NX', 'GET')) ?? fresh;
      if (!isConfigKey(key)) throw new GarbledError('the key of the controllers cannot be read');
      return key;
    };
    return this.#repair.mending(claim, () => expectedOfRing(this.#keys));
  }

  async version(): Promise<number> {
    return Number((await this.#redis.get(this.#keys.version)) ?? -1);
  }

  async read(): Promise<RingState> {
    const keys = this.#keys;
    const read = async (): Promise<RingState> => {
      // read-ring.lua returns these, in this order; nothing behind a number that is none.
      const reply = (await this.#run(
        'read-ring',
        keys.version,
        keys.desired,
        keys.ring,
        keys.retired,
        keys.joined,
        keys.settings,
      )) as [number, string[], string[], string[], string[], number?];
      const [version, , , , , joined] = reply;
      if (!Number.isSafeInteger(version) || !isCount(joined))
        throw new GarbledError('the version of the ring cannot be read');
      return {
        version,
        desired: this.#reading.desired(pairs(reply[1]), version),
        ring: this.#reading.ring(pairs(reply[2])),
        retired: this.#reading.retired(pairs(reply[3])),
        settings: new Map(pairs(reply[4])),
        joined,
      };
    };
    return this.#repair.mending(read, () => expectedOfRing(this.#keys));
  }

  /** Copies aside what cannot be read of the places of desired replicas; somebody is about to write these anew. */
  async keepUnreadable(): Promise<void> {
    const { aside } = this.#repair;
    for (const [name, text] of this.unreadable) await aside.copyOfField(this.#keys.desired, name, text);
  }

  /**
   * Changes which replicas are desired. Concurrent changes are serialised: `decide` is asked again, with the newer
   * state, when another change came first.
   * @param decide what to change in that state, or undefined for nothing; what it throws is passed on.
   * @param now ms since the epoch by Redis's clock.
   * @returns the state after the change.
   */
  async changeDesired(
    decide: (state: RingState) => DesiredChange | undefined,
    now = clockOf(this.#redis).now(),
  ): Promise<RingState> {
    const { version, desired, ring, retired, joined, changes } = this.#keys;
    for (;;) {
      const state = await this.read();
      const change = decide(state);
      if (change === undefined) return state;
      const last = Math.max(state.joined, ...change.add.map((member) => member.joined));
      const result = await this.#run(
        'change-desired',
        version,
        desired,
        ring,
        retired,
        joined,
        state.version,
        now,
        changes,
        last,
        change.add.length,
        ...change.add.flatMap((member) => [member.name, JSON.stringify(member)]),
        ...change.remove,
      );
      if (result !== -2) return this.read();
    }
  }

  /**
   * The leading controller's change of the ring itself.
   * @param token the leadership's token.
   * @returns false when another controller leads and nothing was changed.
   */
  async changeRing(
    token: string,
    admit: readonly { name: string; generation: number }[],
    evict: readonly string[],
  ): Promise<boolean> {
    const { version, desired, ring, leader, changes } = this.#keys;
    const result = await this.#run(
      'change-ring',
      version,
      desired,
      ring,
      leader,
      token,
      changes,
      admit.length,
      ...admit.flatMap(({ name, generation }) => [name, generation]),
      ...evict,
    );
    return result !== -2;
  }

  /**
   * The leading controller puts queues up for adoption by live workers, or takes them back.
   * @param token the leadership's token.
   * @returns false when another controller leads and nothing was changed.
   */
  async changeOffers(token: string, offer: readonly string[], withdraw: readonly string[]): Promise<boolean> {
    const { offered, leader } = this.#keys;
    const result = await this.#run(
      'change-offers',
      offered,
      leader,
      token,
      offer.length,
      ...offer,
      ...withdraw,
    );
    return result !== -2;
  }

  /**
   * Forgets a retired replica that holds nothing any more.
   * @returns false where its queue still holds something.
   */
  async forget(name: string): Promise<boolean> {
    const keys = this.#keys;
    const { wait, active, prioritized, delayed } = keys.unfinished(name);
    const run = scriptsOn(this.#redis);
    const forget = (): Promise<unknown> =>
      run(
        'forget',
        wait,
        active,
        prioritized,
        delayed,
        keys.generation(name),
        keys.currentGeneration(name),
        keys.leaseFence(name),
        keys.suspects(name),
        ...keys.queueState(name),
        keys.consumer(name),
        generationTtlMs,
      );
    const forgotten = await this.#repair.mending(forget, () => expectedOfReplica(keys, name));
    if (forgotten === 1) await this.#redis.hdel(keys.retired, name);
    return forgotten === 1;
  }
}

function pairs(flat: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) result.push([flat[at] ?? '', flat[at + 1] ?? '']);
  return result;
}
