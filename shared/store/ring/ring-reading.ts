import type { Aside } from '../repair/aside.ts';
import type { Keys } from '../keys/keys.ts';
import { parseEjection } from '../../contract/ejection.ts';
import { isReplicaName } from '../../contract/replica-name.ts';
import { parseMember, placeOf } from '../../ring/member.ts';
import type { RingMember } from '../../ring/ring.ts';
import { parseSlowStart } from '../../ring/slow-start.ts';
import type { SlowStart } from '../../ring/slow-start.ts';
import type { Fields, StoredRing } from '../scripts/read-ring.ts';
import { parseRestart } from './hold-changes.ts';
import type { RingState } from './ring-store.ts';

const integer = /^\d{1,16}$/;

/**
 * Parses the hashes of the ring. Names that no replica can have, and values that cannot be read, are moved
 * aside. If only the place of a desired replica cannot be read, the replica stays desired: it keeps the place
 * that was last read for it, and the controller writes the place again.
 */
export class RingReading {
  readonly #keys: Keys;
  readonly #aside: Aside;
  readonly #now: () => number;
  #known: ReadonlyMap<string, RingMember> = new Map();
  #unreadable: ReadonlyMap<string, string> = new Map();
  #version = -1;
  #positions: ReadonlyMap<string, number> = new Map();
  #lostPositions: ReadonlyMap<string, number> = new Map();

  /** @param now Redis time, in ms since the epoch. */
  constructor(keys: Keys, aside: Aside, now: () => number) {
    this.#keys = keys;
    this.#aside = aside;
    this.#now = now;
  }

  /** @returns the state of the ring; each of its parts as the methods below read it. */
  state(stored: Omit<StoredRing, 'upstreams'> & Pick<RingState, 'upstreams'>): RingState {
    const desired = this.desired(stored.desired, stored.version);
    const retired = this.retired(stored.retired);
    const ring = this.ring(stored.ring);
    const names = new Set(desired.map(({ name }) => name));
    const isDesired = (name: string): boolean => names.has(name);
    return {
      version: stored.version,
      joined: stored.joined,
      desired,
      ring,
      retired,
      settings: new Map(stored.settings),
      upstreams: stored.upstreams,
      positions: this.positions(stored.upstreamPositions, [
        ...desired.map(({ name }) => name),
        ...retired.keys(),
      ]),
      ...this.holds(stored, isDesired),
      slowStarts: this.slowStarts(stored.slowStarts, (name) => ring.has(name)),
    };
  }

  /** The desired replicas whose places could not be read the last time, with the stored text. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable;
  }

  /**
   * @param version of the ring. No replica is removed without a new one: if the hash is empty and the version
   * is the same, the hash was moved aside.
   * @returns the desired replicas in the order of `/rep`.
   */
  desired(fields: Fields, version: number): RingMember[] {
    const known = new Map<string, RingMember>();
    const unreadable = new Map<string, string>();
    if (fields.length === 0 && version >= 0 && version === this.#version) {
      for (const [name, member] of this.#known) {
        known.set(name, member);
        unreadable.set(name, '');
      }
    }
    this.#version = version;
    for (const [name, text] of this.#named(this.#keys.desired, fields)) {
      const read = parseMember(name, text);
      if (read === undefined) unreadable.set(name, text);
      const member = read ?? this.#known.get(name);
      if (member !== undefined) known.set(name, member);
    }
    this.#known = known;
    this.#unreadable = unreadable;
    return [...known.values()].toSorted((a, b) => placeOf(a) - placeOf(b));
  }

  /**
   * @returns the replicas in the ring, with their generations. If one is left out here, the controller admits
   * it again.
   */
  ring(fields: Fields): Map<string, number> {
    const { ring } = this.#keys;
    const read = new Map<string, number>();
    for (const [name, text] of this.#named(ring, fields)) {
      if (integer.test(text)) read.set(name, Number(text));
      else forget(this.#aside.field(ring, name, text));
    }
    return read;
  }

  /**
   * @returns the retired replicas with the times of their removal; a time that cannot be read becomes the
   * present.
   */
  retired(fields: Fields): Map<string, number> {
    const { retired } = this.#keys;
    const read = new Map<string, number>();
    for (const [name, text] of this.#named(retired, fields)) {
      const at = integer.test(text) ? Number(text) : this.#now();
      read.set(name, at);
      if (String(at) !== text) forget(this.#aside.field(retired, name, text, String(at)));
    }
    return read;
  }

  /** The positions that the last read did not find, although their replicas are still there. */
  get lostPositions(): ReadonlyMap<string, number> {
    return this.#lostPositions;
  }

  /**
   * @param names of the desired and the retired replicas. While one of them exists, its position is never
   * taken from it: if it is missing or cannot be read, it is the one that was read last.
   * @returns the positions of replicas in UPSTREAMS.
   */
  positions(fields: Fields, names: readonly string[]): Map<string, number> {
    const { upstreamPositions: key } = this.#keys;
    const read = new Map<string, number>();
    for (const [name, text] of this.#named(key, fields)) {
      if (integer.test(text)) read.set(name, Number(text));
      else forget(this.#aside.field(key, name, text));
    }
    const lost = names.flatMap((name) => {
      const known = read.has(name) ? undefined : this.#positions.get(name);
      return known === undefined ? [] : [[name, known] as const];
    });
    this.#lostPositions = new Map(lost);
    for (const [name, position] of lost) read.set(name, position);
    this.#positions = read;
    return read;
  }

  /**
   * @returns what operators ask of the desired replicas, and their ejections. What cannot be read is left
   * out.
   */
  holds(
    stored: Pick<StoredRing, 'drained' | 'restarts' | 'ejections'>,
    isDesired: (name: string) => boolean,
  ): Pick<RingState, 'drained' | 'restarts' | 'ejections'> {
    const { drained, restarts, ejections } = this.#keys;
    const time = (text: string): number | undefined => (integer.test(text) ? Number(text) : undefined);
    return {
      drained: this.#parsed(drained, stored.drained, time, isDesired),
      restarts: this.#parsed(restarts, stored.restarts, parseRestart, isDesired),
      ejections: this.#parsed(ejections, stored.ejections, parseEjection, isDesired),
    };
  }

  /** @returns how much of their weights replicas in the ring have. What cannot be read is all of it. */
  slowStarts(fields: Fields, isInRing: (name: string) => boolean): ReadonlyMap<string, SlowStart> {
    return this.#parsed(this.#keys.slowStarts, fields, parseSlowStart, isInRing);
  }

  #parsed<Value>(
    key: string,
    fields: Fields,
    parse: (text: string) => Value | undefined,
    counts: (name: string) => boolean,
  ): ReadonlyMap<string, Value> {
    const read = new Map<string, Value>();
    for (const [name, text] of this.#named(key, fields)) {
      const value = parse(text);
      if (value === undefined) forget(this.#aside.field(key, name, text));
      else if (counts(name)) read.set(name, value);
    }
    return read;
  }

  /** @returns the fields whose names replicas can have. */
  #named(key: string, fields: Fields): Fields {
    return fields.filter(([name, text]) => {
      if (isReplicaName(name)) return true;
      forget(this.#aside.field(key, name, text));
      return false;
    });
  }
}

/** If the move fails, the next read finds the field again. */
function forget(moving: Promise<unknown>): void {
  moving.catch(() => undefined);
}
