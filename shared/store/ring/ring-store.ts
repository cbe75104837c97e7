import { randomBytes } from 'node:crypto';
import type { Ejection } from '../../contract/ejection.ts';
import { parseTexts } from '../../contract/json-object.ts';
import type { Logger } from '../../process/logger.ts';
import type { OperatorCall } from '../../contract/api/autoscale.ts';
import type { RingMember, RingParameters } from '../../ring/ring.ts';
import type { SlowStart } from '../../ring/slow-start.ts';
import { differingParameters } from '../../ring/strategies.ts';
import { generationTtlMs } from '../lease/generations.ts';
import type { Keys } from '../keys/keys.ts';
import { keysOf, redisOf } from '../redis/access.ts';
import type { Connection } from '../redis/connection.ts';
import { clockOf } from '../redis/redis-clock.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import { expectedOfReplica, expectedOfRing, isConfigKey, isParameters } from '../repair/expected-keys.ts';
import { GarbledError, KeyRepair } from '../repair/key-repair.ts';
import { restartText, wishOf } from './hold-changes.ts';
import type { HoldChange, Restart } from './hold-changes.ts';
import { desiredCall } from './desired-call.ts';
import { RingReading } from './ring-reading.ts';
import {
  changeDesired,
  changeOffers,
  changeRing,
  changeWishes,
  claimParameters,
  claimSettings,
  endRestart,
  endRetirement,
  forget,
} from '../scripts/ring.ts';
import type { Admission } from '../scripts/ring.ts';
import { readRing } from '../scripts/read-ring.ts';
import { createRun } from '../scripts/script.ts';
import type { Run } from '../scripts/script.ts';

/** One consistent picture of the ring in Redis. */
export interface RingState {
  /** Raised by each change; -1 if nothing was ever desired. */
  readonly version: number;
  /** The last joining number that was given. */
  readonly joined: number;
  /** The desired replicas, in the order of `/rep`. */
  readonly desired: readonly RingMember[];
  /** The replicas that own keys, with the generation that was admitted. */
  readonly ring: ReadonlyMap<string, number>;
  /** The replicas that finish what they hold, with the time of their `/rm` in ms since the epoch. */
  readonly retired: ReadonlyMap<string, number>;
  /** The settings that all gateways share, by name; empty if no gateway was ever started. */
  readonly settings: ReadonlyMap<string, string>;
  /** The servers of UPSTREAMS, as the leading controller has them; none if it has no UPSTREAMS. */
  readonly upstreams: readonly string[];
  /** The position in UPSTREAMS, from 0, of each replica that has one. */
  readonly positions: ReadonlyMap<string, number>;
  /** The desired replicas that operators keep out of the ring, with the time since when in ms. */
  readonly drained: ReadonlyMap<string, number>;
  /** The desired replicas whose workers operators want replaced. */
  readonly restarts: ReadonlyMap<string, Restart>;
  /** How much of its weight a replica in the ring has; one that is not here has all of it. */
  readonly slowStarts: ReadonlyMap<string, SlowStart>;
  /** What outlier detection has noted of desired replicas; those that have ended are remembered a while. */
  readonly ejections: ReadonlyMap<string, Ejection>;
}

/** A change of the desired replicas, made for one state. */
export interface DesiredChange {
  readonly add: readonly RingMember[];
  readonly remove: readonly string[];
  /** Positions in UPSTREAMS that replicas get. */
  readonly positions?: ReadonlyMap<string, number>;
  /** The call of an operator that changes it: it stops autoscaling. */
  readonly by?: OperatorCall;
  /** The leadership's token, if only the leading controller may make it. */
  readonly token?: string;
}

/** This process's ring parameters are not those in Redis. */
export class RingMismatchError extends Error {
  override readonly name = 'RingMismatchError';
}

/**
 * The ring's members, parameters and version in Redis. Each change is one script: it is made as a whole or
 * not at all.
 */
export class RingStore {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #clock: RedisClock;
  readonly #repair: KeyRepair;
  readonly #reading: RingReading;
  readonly #run: Run;

  constructor(connection: Connection, log: Logger) {
    this.#connection = connection;
    this.#keys = keysOf(connection);
    this.#clock = clockOf(connection);
    this.#repair = new KeyRepair(connection, log);
    this.#reading = new RingReading(this.#keys, this.#repair.aside, () => this.#clock.now());
    this.#run = createRun(connection);
  }

  /**
   * The desired replicas whose places on the ring could not be read by the last {@link read}, with the stored
   * text.
   */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#reading.unreadable;
  }

  /**
   * Sets the parameters of the ring if there are none, and compares them if there are.
   * @throws {RingMismatchError} that names the parameters that differ.
   */
  async claimParameters(parameters: RingParameters): Promise<void> {
    const stored = await this.#repairing(async () => {
      const json = await this.#run(claimParameters, { parameters });
      if (json === undefined || !isParameters(json))
        throw new GarbledError('the parameters of the ring cannot be read');
      // They are only compared. Any text that does not differ is of this type.
      return JSON.parse(json) as RingParameters;
    });
    const differing = differingParameters(parameters, stored);
    if (differing.length === 0) return;
    throw new RingMismatchError(
      `This gateway's ring is not the one in Redis (${differing.join('; ')}). Use the same settings, ` +
        `another NAMESPACE, or, with every gateway stopped, delete the keys ${this.#keys.parameters} and ` +
        `${this.#keys.desired}.`,
    );
  }

  /**
   * Sets the settings that all gateways share. If one is already set to another value, nothing is changed
   * unless `replace` is true.
   * @returns the settings that were set before.
   */
  claimSettings(
    settings: ReadonlyMap<string, string>,
    replace: boolean,
  ): Promise<ReadonlyMap<string, string>> {
    return this.#repairing(() => this.#run(claimSettings, { settings, replace }));
  }

  /**
   * @returns the random key of the hashes that identify the settings of containers. It is the same for all
   * controllers.
   */
  configKey(): Promise<string> {
    const redis = redisOf(this.#connection);
    return this.#repairing(async () => {
      const fresh = randomBytes(32).toString('hex');
      const key = (await redis.set(this.#keys.configKey, fresh, 'NX', 'GET')) ?? fresh;
      if (!isConfigKey(key)) throw new GarbledError('the key of the controllers cannot be read');
      return key;
    });
  }

  async read(): Promise<RingState> {
    const { state } = await this.readUnless(undefined);
    if (state === undefined) throw new Error('a ring was read by a mark that nobody knows');
    return state;
  }

  /**
   * Reads the ring, unless it is as it was. That costs little, however many replicas there are.
   * @param known the mark of the state that the caller has; `unknown` if it has none; undefined: no mark.
   * @returns the state, unless it has that mark; and its mark.
   */
  async readUnless(known: string | undefined): Promise<{
    readonly state: RingState | undefined;
    readonly mark: string | undefined;
  }> {
    const stored = await this.#repairing(async () => {
      const found = await this.#run(readRing, { known });
      if (found === undefined) throw new GarbledError('the version of the ring cannot be read');
      if (found === 'same') return found;
      const upstreams = found.upstreams === undefined ? [] : parseTexts(found.upstreams);
      if (upstreams === undefined) throw new GarbledError('the servers of UPSTREAMS cannot be read');
      return { ...found, upstreams };
    });
    return stored === 'same'
      ? { state: undefined, mark: known }
      : { state: this.#reading.state(stored), mark: stored.mark };
  }

  /** Tells the gateways which servers UPSTREAMS lists. Only the leading controller may. */
  async publishUpstreams(servers: readonly string[]): Promise<void> {
    const redis = redisOf(this.#connection);
    const { upstreams } = this.#keys;
    if (servers.length === 0) await redis.del(upstreams);
    else await redis.set(upstreams, JSON.stringify(servers));
  }

  /** Positions in UPSTREAMS that Redis has lost since they were read. They still hold. */
  get lostPositions(): ReadonlyMap<string, number> {
    return this.#reading.lostPositions;
  }

  /** Copies aside the places of desired replicas that cannot be read, before the caller overwrites them. */
  async keepUnreadable(): Promise<void> {
    const { aside } = this.#repair;
    for (const [name, text] of this.unreadable) await aside.copyOfField(this.#keys.desired, name, text);
  }

  /**
   * Changes which replicas are desired. If another change comes first, `decide` is called again with the
   * newer state.
   * @param decide returns what to change in that state, or undefined for nothing; what it throws is passed
   * on.
   * @param now ms since the epoch, in Redis time.
   * @returns the state after the change, or as it is if the caller does not lead any more.
   */
  async changeDesired(
    decide: (state: RingState) => DesiredChange | undefined,
    now = this.#clock.now(),
  ): Promise<RingState> {
    for (;;) {
      const state = await this.read();
      const change = decide(state);
      if (change === undefined) return state;
      const call = desiredCall(state, change, now);
      const result = await this.#repairing(() => this.#run(changeDesired, call));
      if (result !== 'outdated') return this.read();
    }
  }

  /**
   * Changes what operators ask of replicas. If another change comes first, `decide` is called again with the
   * newer state.
   * @param decide returns the changes in that state; what it throws is passed on.
   * @returns the state after the change.
   */
  async changeHolds(decide: (state: RingState) => readonly HoldChange[]): Promise<RingState> {
    for (;;) {
      const state = await this.read();
      const wishes = decide(state).map(wishOf);
      if (wishes.length === 0) return state;
      const call = { version: state.version, wishes };
      const result = await this.#repairing(() => this.#run(changeWishes, call));
      if (result === 'changed') return this.read();
    }
  }

  /**
   * Notes that the worker of a replica was replaced as it was asked for. Only the leading controller may.
   * @param token the leadership's token.
   */
  async endRestart(token: string, replica: string, restart: Restart): Promise<void> {
    await this.#repairing(() => this.#run(endRestart, { token, replica, wish: restartText(restart) }));
  }

  /**
   * Changes which replicas own keys. Only the leading controller may.
   * @param token the leadership's token.
   * @returns false if another controller leads; then nothing was changed.
   */
  async changeRing(token: string, admit: readonly Admission[], evict: readonly string[]): Promise<boolean> {
    const result = await this.#repairing(() => this.#run(changeRing, { token, admit, evict }));
    return result === 'changed';
  }

  /**
   * Offers queues for adoption by live workers, and withdraws others. Only the leading controller may.
   * @param token the leadership's token.
   * @returns false if another controller leads; then nothing was changed.
   */
  async changeOffers(token: string, offer: readonly string[], withdraw: readonly string[]): Promise<boolean> {
    const result = await this.#repairing(() => this.#run(changeOffers, { token, offer, withdraw }));
    return result === 'changed';
  }

  /**
   * Forgets a retired replica whose queue is empty.
   * @returns false if its queue still holds something.
   */
  async forget(replica: string): Promise<boolean> {
    const forgotten = await this.#repair.withRepair(
      () => this.#run(forget, { replica, generationTtlMs }),
      () => expectedOfReplica(this.#keys, replica),
    );
    if (forgotten) await this.#repairing(() => this.#run(endRetirement, { replica }));
    return forgotten;
  }

  #repairing<T>(act: () => Promise<T>): Promise<T> {
    return this.#repair.withRepair(act, () => expectedOfRing(this.#keys));
  }
}
