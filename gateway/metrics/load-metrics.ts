import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** What a gateway knows of the loads of replicas. */
export interface LoadFigures {
  /** @returns the loads of the replicas of which Redis has told lately. */
  known(now: number): ReadonlyMap<string, number>;
}

/** Counts requests that went to another replica than the owner of their key because of the load. */
export class SpillCounter {
  readonly #counts = new Map<string, Map<string, number>>();

  /** @param isThere whether a replica is not gone. The counts of the others are forgotten. */
  constructor(registry: Registry, isThere: (replica: string) => boolean) {
    const counts = this.#counts;
    // oxlint-disable-next-line no-new -- it registers itself
    new Counter({
      name: 'ringpost_spilled_total',
      help: 'Requests that another replica got because the owner of their key was overloaded',
      labelNames: ['from', 'to'] as const,
      registers: [registry],
      collect() {
        this.reset();
        for (const [from, byTarget] of counts) {
          if (!isThere(from)) counts.delete(from);
          else
            for (const [to, count] of byTarget) {
              if (isThere(to)) this.inc({ from, to }, count);
              else byTarget.delete(to);
            }
        }
      },
    });
  }

  count(from: string, to: string): void {
    let byTarget = this.#counts.get(from);
    if (byTarget === undefined) this.#counts.set(from, (byTarget = new Map()));
    byTarget.set(to, (byTarget.get(to) ?? 0) + 1);
  }
}

/** Adds the loads as this gateway knows them. It asks Redis nothing. */
export function registerLoads(registry: Registry, loads: LoadFigures): void {
  // oxlint-disable-next-line no-new -- it registers itself
  new Gauge({
    name: 'ringpost_replica_load',
    help: 'Requests that wait and run at a replica, as this gateway was told within the last 5 s',
    labelNames: ['replica'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const [replica, load] of loads.known(performance.now())) this.set({ replica }, load);
    },
  });
}
