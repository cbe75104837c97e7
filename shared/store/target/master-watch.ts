import { setTimeout as delay } from 'node:timers/promises';
import { addressText, redisUrlOf } from '../../process/redis-url.ts';
import type { Address, RedisUrl } from '../../process/redis-url.ts';
import { probeOptions } from './access-options.ts';
import { askCluster } from './ask-cluster.ts';
import { askSentinel } from './ask-sentinel.ts';
import { hashSlot } from './hash-slot.ts';
import { Probes } from './probes.ts';
import { newest } from './survey.ts';
import type { Ask, Survey } from './survey.ts';

/** How often the master is asked for while there are connections to it, in ms. */
const lookMs = 500;
/** How many servers are asked at once. */
const askedAtOnce = 3;
/** How long the last servers of a batch are waited for, once the majority has answered, in ms. */
const stragglerMs = 50;
/** The longest pause between two searches for a master, in ms. */
const maxPauseMs = 500;

/** A connection to the master. */
export interface Follower {
  /** Where it is connected to, or tries to. */
  readonly address: Address | undefined;
  /** Whether it still wants a master. */
  readonly wanted: boolean;
  /** Another server has become the master. */
  leave(): void;
}

/**
 * Knows which server is the master, for all connections of a process (or thread) to it. It asks the
 * sentinels, or the nodes of the Cluster, whenever a connection is made and every half second. So a master
 * that hangs is left, too, although it closes no connection.
 */
export class MasterWatch {
  readonly #ask: Ask;
  readonly #probes: Probes;
  readonly #seeds: readonly Address[];
  /**
   * A sentinel that sees no majority of the others may be cut off. Nodes of a Cluster agree by themselves.
   */
  readonly #quorum: number;
  readonly #followers = new Set<Follower>();
  #servers: readonly Address[];
  #looking: Promise<Survey | undefined> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #replicas = 1;
  #failure: unknown;

  constructor({ place, ...access }: RedisUrl, namespace: string) {
    if (place.kind !== 'sentinel' && place.kind !== 'cluster') throw new TypeError('one server has no watch');
    this.#seeds = place.addresses;
    this.#servers = place.addresses;
    const probes = new Probes(probeOptions({ place, ...access }));
    this.#probes = probes;
    this.#quorum = place.kind === 'sentinel' ? Math.floor(place.addresses.length / 2) + 1 : 1;
    const slot = hashSlot(namespace);
    this.#ask = (address) =>
      probes.ask(address, (redis) =>
        place.kind === 'sentinel' ? askSentinel(redis, place.master) : askCluster(redis, address, slot),
      );
  }

  /** How many replicas may become the master, as far as it is known. */
  get replicas(): number {
    return this.#replicas;
  }

  /** Why no server said which one is the master. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Asks until it is known which server is the master, or until the follower no longer wants it. */
  async find(follower: Follower): Promise<Address | undefined> {
    this.#join(follower);
    for (let times = 1; follower.wanted; times += 1) {
      const found = await this.look();
      if (found !== undefined) return found.master;
      await delay(Math.min(50 * times, maxPauseMs));
    }
    return undefined;
  }

  /** The follower's connection has ended. The watch ends with the last one. */
  part(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#probes.close();
  }

  #join(follower: Follower): void {
    this.#followers.add(follower);
    this.#timer ??= setInterval(() => void this.#check(), lookMs);
  }

  async #check(): Promise<void> {
    const found = await this.look();
    if (found === undefined) return;
    const master = addressText(found.master);
    for (const follower of this.#followers) {
      const { address } = follower;
      if (address !== undefined && addressText(address) !== master) follower.leave();
    }
  }

  /** Asks once. Callers at the same time share the answers. @returns undefined if nobody knows a master. */
  look(): Promise<Survey | undefined> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
      if (this.#followers.size === 0) this.#probes.close();
    });
    return this.#looking;
  }

  async #look(): Promise<Survey | undefined> {
    const servers = this.#servers;
    for (let at = 0; at < servers.length; at += askedAtOnce) {
      const batch = servers.slice(at, at + askedAtOnce);
      const answers = await this.#majority(batch);
      const found = newest(answers);
      if (found === undefined) continue;
      if (answers.length >= Math.min(this.#quorum, batch.length)) this.#replicas = found.replicas;
      this.#remember(found);
      return found;
    }
    return undefined;
  }

  /**
   * @returns all answers, but those that come long after the majority. Right after a failover only one
   * sentinel may know of it.
   */
  #majority(servers: readonly Address[]): Promise<Survey[]> {
    const enough = Math.floor(servers.length / 2) + 1;
    const answers: Survey[] = [];
    return new Promise((resolve) => {
      let left = servers.length;
      const settle = (): void => {
        left -= 1;
        if (left === 0) resolve(answers);
        else if (answers.length === enough) setTimeout(() => resolve(answers), stragglerMs);
      };
      for (const server of servers)
        this.#ask(server)
          .then((answer) => {
            answers.push(answer);
          })
          .catch((error: unknown) => {
            this.#failure = error;
          })
          .finally(settle);
    });
  }

  /**
   * Asks the others before the master the next time: a master that is cut off still believes that it is one.
   */
  #remember({ master, others }: Survey): void {
    const byName = new Map([...others, ...this.#seeds].map((each) => [addressText(each), each]));
    byName.delete(addressText(master));
    const isSentinel = others.length === 0;
    this.#servers = isSentinel ? this.#seeds : [...byName.values(), master];
  }
}

const watches = new Map<string, MasterWatch>();

/** @returns the watch of this process for a URL of sentinels or of a Cluster; the same object each time. */
export function masterWatch(url: string, namespace: string): MasterWatch {
  const name = `${namespace} ${url}`;
  let watch = watches.get(name);
  if (watch === undefined) watches.set(name, (watch = new MasterWatch(redisUrlOf(url), namespace)));
  return watch;
}
