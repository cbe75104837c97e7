import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Logger } from '#shared/process/logger.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import { EjectionStore } from '#shared/store/ring/ejection-store.ts';
import { ejectionText } from './ejection-text.ts';
import { Comparison } from './comparison.ts';
import type { ProbePair } from './comparison.ts';
import { Confirmations } from './confirmations.ts';
import { CountWindows } from './count-windows.ts';
import { outlierSteps, stepsWhenOff } from './outlier-pass.ts';
import type { EjectionStep, ObservedRing } from './outlier-pass.ts';
import type { OutlierConfig } from './outlier-settings.ts';
import { OutlierProbes } from './outlier-probes.ts';

export interface OutlierWatchOptions {
  readonly connection: Connection;
  /** Undefined: outlier detection is off. */
  readonly config: OutlierConfig | undefined;
  /** TTL of the workers' leases in ms. With each renewal they say what they have counted. */
  readonly leaseMs: number;
  readonly log: Logger;
}

/** What a pass of the controller has observed. `blind`: Redis was away, so leases may be old. */
type ObservedByController = ObservedRing & { readonly blind: boolean };

/** Ejects outliers and lets them return, as the leading controller. The plan removes them from the ring. */
export class OutlierWatch {
  readonly #options: OutlierWatchOptions;
  readonly #probes: OutlierProbes;
  readonly #store: EjectionStore;
  #windows: CountWindows | undefined;
  #comparison: Comparison | undefined;
  #confirmations = new Confirmations();
  #ledAs: string | undefined;

  constructor(options: OutlierWatchOptions) {
    this.#options = options;
    this.#probes = new OutlierProbes(options.connection, options.log);
    this.#store = new EjectionStore(options.connection, options.log);
  }

  /**
   * Acts on what a pass of the controller has observed.
   * @param memory the states of the replicas after that pass.
   * @param token the leadership's token.
   * @returns whether something was changed, so that another pass has to be made.
   */
  async pass(
    observed: ObservedByController,
    memory: ReadonlyMap<string, ReplicaStatus>,
    token: string | undefined,
  ): Promise<boolean> {
    if (token === undefined) return false;
    const { config, log } = this.#options;
    const steps = this.#steps(observed, memory, token);
    if (steps.length === 0) return false;
    const result = await this.#store.change(token, observed.version, steps);
    if (result !== 'changed') return false;
    for (const step of steps) {
      const { name, ejection } = step;
      log[step.do === 'forget' ? 'debug' : 'warn']({ replica: name, outlier: step.do }, lineOf(step));
      if (step.do === 'probe' && ejection?.probe !== undefined && config !== undefined)
        this.#probes.send(name, ejection.probe, config.probePath);
      this.#count(step);
    }
    return true;
  }

  #steps(
    observed: ObservedByController,
    memory: ReadonlyMap<string, ReplicaStatus>,
    token: string,
  ): EjectionStep[] {
    const { connection, config, leaseMs } = this.#options;
    if (config === undefined) return observed.ejections.size === 0 ? [] : stepsWhenOff(observed);
    // What was counted while another controller led was judged by that one.
    if (token !== this.#ledAs) {
      this.#windows = undefined;
      this.#comparison = undefined;
      this.#confirmations = new Confirmations();
    }
    this.#ledAs = token;
    // After an outage leases and counts are old.
    if (observed.blind) return [];
    const windows = (this.#windows ??= new CountWindows(config.intervalMs));
    const comparison = (this.#comparison ??= new Comparison(config.intervalMs));
    this.#probes.keep(new Set(observed.desired.map(({ name }) => name)));
    const { steps, ask } = outlierSteps({
      observed,
      memory,
      config,
      windows,
      confirmations: this.#confirmations,
      comparison,
      unsent: this.#probes.unsent,
      sent: this.#probes.sent,
      now: clockOf(connection).now(),
      reportMs: leaseMs / 2,
    });
    if (ask !== undefined) this.#compare(ask, config.probePath);
    return steps;
  }

  #compare({ name, other, probe }: ProbePair, path: string): void {
    const { log } = this.#options;
    log.info(
      { replica: name, other },
      `${name} fails, and no other has requests: it and ${other} are probed`,
    );
    for (const replica of [name, other]) this.#probes.send(replica, probe, path);
  }

  #count({ do: what, ejection }: EjectionStep): void {
    const counts = countsOf(this.#options.connection);
    if (what === 'eject' && ejection !== undefined) counts.add(`ejections:${ejection.cause}`);
    if (what === 'longer') counts.add('failed_probes');
  }
}

/** @returns a step as a line of the log. */
function lineOf({ do: what, name, ejection, why }: EjectionStep): string {
  switch (what) {
    case 'eject':
      return `${name} is ${ejection === undefined ? '' : ejectionText(ejection)}`;
    case 'longer':
      return `the probe of ${name} failed: ${why}; ${ejection === undefined ? '' : ejectionText(ejection)}`;
    case 'probe':
      return `${name} is probed: ${why}`;
    case 'end':
      return `${name} is no longer ejected: ${why}`;
    case 'forget':
      return `the ejections of ${name} are forgotten: ${why}`;
    default:
      return what satisfies never;
  }
}
