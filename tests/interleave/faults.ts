import type { Choices, Pick } from './choices.ts';
import { leaseMs } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { SimProcess } from './floor/sim-process.ts';
import type { SimRedis } from './floor/sim-redis.ts';
import type { Traffic } from './traffic.ts';

/** What may go wrong, the mildest first. What is here twice is drawn more often. */
export const faultKinds = [
  'time passes',
  'a reply is lost',
  'a command is lost',
  'wake',
  'freeze',
  'freeze',
  'kill',
  'kill',
  'Redis stalls',
  'Redis stalls',
  'a client leaves',
  'cancel',
  'remove a replica',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface FaultsOptions {
  readonly cluster: Cluster;
  readonly redis: SimRedis;
  readonly traffic: Traffic;
  readonly choices: Choices;
  readonly note: (text: string) => void;
  readonly passTime: () => boolean;
  readonly stall: (ms: number) => Promise<void>;
}

/** The most faults of a schedule, those aside that only let time pass. */
const maxFaults = 5;

/** What goes wrong in a schedule. */
export class Faults {
  readonly #options: FaultsOptions;
  #removed = false;
  /** How many there were. */
  count = 0;

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  /** Decides whether a fault happens now. @returns what makes it happen. */
  draw(pick: Pick): (() => void | Promise<void>) | undefined {
    const drawn = this.#options.choices.draw(faultKinds.length + 1, pick);
    const kind = faultKinds[drawn - 1];
    if (kind === undefined) return undefined;
    if (kind === 'time passes') return () => void this.#options.passTime();
    if (this.count >= maxFaults) return undefined;
    const fault = this.#of(kind);
    if (fault === undefined) return undefined;
    this.count += 1;
    return fault;
  }

  /** Wakes what is frozen, and starts what is missing. */
  end(): void {
    const { cluster } = this.#options;
    for (const process of cluster.processes) if (process.state === 'frozen') cluster.wake(process);
    if (cluster.controller === undefined) cluster.startController();
    if (cluster.gateways.length === 0) cluster.startGateway();
  }

  #of(kind: Exclude<FaultKind, 'time passes'>): (() => void | Promise<void>) | undefined {
    const { cluster, redis, traffic, choices, note, stall } = this.#options;
    const wakeLater = (process: SimProcess, ms: number): void => {
      cluster.driver.after(ms, () => {
        if (process.state === 'frozen') cluster.wake(process);
      });
    };
    switch (kind) {
      case 'a reply is lost': {
        const link = this.#one(redis.executable().filter(({ open }) => open));
        return (
          link &&
          (async () => {
            note(`FAULT: Redis executes ${redis.describe(link)}, and the connection breaks`);
            await redis.execute(link);
            if (link.open) redis.cut(link);
          })
        );
      }
      case 'a command is lost': {
        const link = this.#one(redis.links.filter(({ open, owner }) => open && owner.state === 'running'));
        return (
          link &&
          (() => {
            note(`FAULT: the connection ${link.name} breaks; lost: ${redis.describe(link)}`);
            redis.cut(link);
          })
        );
      }
      case 'wake': {
        const process = this.#one(cluster.processes.filter(({ state }) => state === 'frozen'));
        return (
          process &&
          (() => {
            note(`${process.name} wakes`);
            cluster.wake(process);
          })
        );
      }
      case 'freeze': {
        const process = this.#one(cluster.processes.filter(({ state }) => state === 'running'));
        return (
          process &&
          (() => {
            note(`FAULT: ${process.name} freezes`);
            process.state = 'frozen';
            const ms = [leaseMs / 2, leaseMs + 2000, 2 * leaseMs + 2000, 4 * leaseMs][choices.draw(4)] ?? 0;
            wakeLater(process, ms);
          })
        );
      }
      case 'kill': {
        const process = this.#one(cluster.processes);
        const keepsSent = choices.draw(2) === 1;
        return process && (() => this.#kill(process, keepsSent));
      }
      case 'Redis stalls': {
        const ms = [200, leaseMs / 2, leaseMs + 500, 2 * leaseMs][choices.draw(4)] ?? 0;
        return () => {
          note(`FAULT: Redis executes nothing for ${ms} ms`);
          return stall(ms);
        };
      }
      case 'a client leaves': {
        const sent = this.#one(traffic.requests.filter(({ state, id }) => state === 'waiting' && id));
        return (
          sent &&
          (() => {
            note(`FAULT: the client of request ${sent.n} leaves`);
            traffic.leave(sent);
          })
        );
      }
      case 'cancel': {
        const sent = this.#one(traffic.requests.filter((each) => each.state === 'accepted' && !each.cancel));
        const gateway = cluster.gateways.find(({ process }) => process.state === 'running');
        return (
          sent &&
          gateway &&
          (() => {
            note(`somebody cancels request ${sent.n} at ${gateway.process.name}`);
            traffic.cancel(sent, gateway);
          })
        );
      }
      case 'remove a replica': {
        const { controller } = cluster;
        if (controller === undefined || this.#removed) return undefined;
        this.#removed = true;
        return () => {
          note('S1 is removed');
          cluster.remove('S1');
        };
      }
      default:
        return kind satisfies never;
    }
  }

  #one<T>(all: readonly T[]): T | undefined {
    return all[this.#options.choices.draw(all.length)];
  }

  #kill(process: SimProcess, keepsSent: boolean): void {
    const { cluster, note } = this.#options;
    note(`FAULT: ${process.name} is killed${keepsSent ? '; Redis still executes what it has sent' : ''}`);
    cluster.kill(process, keepsSent);
    // Another one takes the place of a gateway or a controller. Workers are started by the controller.
    if (cluster.gateways.length === 0) cluster.startGateway();
    if (cluster.controller === undefined) cluster.startController();
  }
}
