import { isDeepStrictEqual } from 'node:util';
import type { AutoscaleDecision, AutoscaleStop } from '#shared/contract/api/autoscale.ts';
import type { Logger } from '#shared/process/logger.ts';
import { periodically } from '#shared/process/periodically.ts';
import type { StartStop } from '#shared/process/lifecycle.ts';
import { AutoscaleStore } from '#shared/store/ring/autoscale-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import { clockOf } from '#shared/store/redis/redis-clock.ts';
import { countsOf } from '#shared/store/ring/cluster-counts.ts';
import type { RingState, RingStore } from '#shared/store/ring/ring-store.ts';
import type { AddLimits } from '../ring/replica-changes.ts';
import { LoadHistory } from './load-history.ts';
import { LoadSampler } from './load-sampler.ts';
import { decide } from './rule.ts';
import type { Decision, Standing } from './rule.ts';
import type { RuleSettings } from '../settings/autoscale-rule.ts';
import { ruleTimes } from '../settings/autoscale-rule.ts';
import { scaleChange } from './scale-change.ts';
import { standingOf } from './standing.ts';

export interface AutoscalerOptions {
  readonly connection: Connection;
  readonly store: RingStore;
  /** Returns the leadership's token while this controller certainly leads. */
  readonly token: () => string | undefined;
  /** Undefined: it does not scale. */
  readonly rule: RuleSettings | undefined;
  /** Requests that a worker runs at once, if it has not said so itself yet. */
  readonly concurrency: number;
  readonly limits: AddLimits;
  readonly log: Logger;
}

/**
 * Changes the number of desired replicas with the load, while this controller leads. Each tick reads the ring
 * and the load, decides, and makes the change for that version of the ring: a change that comes first, such
 * as `/rm`, makes it void. The next tick decides anew.
 */
export class Autoscaler {
  readonly #options: AutoscalerOptions;
  readonly #autoscale: AutoscaleStore;
  readonly #sampler: LoadSampler;
  readonly #ticks: StartStop;
  #ledAs: string | undefined;
  #withdrawn = false;
  /** The stop by an operator that was read last. A Redis that is emptied forgets it. */
  #stopped: AutoscaleStop | null = null;
  #history: LoadHistory;
  #changedAt = Number.NEGATIVE_INFINITY;
  /** Why none could be added the last time, since the last change. */
  #refusal: string | undefined;

  constructor(options: AutoscalerOptions) {
    const { connection, rule, log } = options;
    const times = rule?.times ?? ruleTimes;
    this.#options = options;
    this.#autoscale = new AutoscaleStore(connection, log);
    this.#sampler = new LoadSampler(connection, log);
    this.#history = new LoadHistory(times);
    this.#ticks = periodically(
      times.tickMs,
      () => this.#tick(),
      (error) => log.warn({ err: error }, 'autoscaling could not read the load'),
    );
  }

  start(): Promise<void> {
    return this.#ticks.start();
  }

  stop(): Promise<void> {
    return this.#ticks.stop();
  }

  async #tick(): Promise<void> {
    const { rule, store, connection } = this.#options;
    const token = this.#leads();
    if (token === undefined) return;
    if (rule === undefined) {
      if (!this.#withdrawn) this.#withdrawn = await this.#autoscale.forget(token);
      return;
    }
    const stopped = await this.#publish(token, rule);
    const state = await store.read();
    if (state.version === -1) return;
    const { facts, load } = await this.#sampler.read(state, this.#options.concurrency);
    const now = performance.now();
    const standing = standingOf(state, facts, now - this.#changedAt);
    const { counted } = standing;
    const decision =
      'unknown' in load
        ? unknown(load.unknown)
        : decide(this.#history.add({ at: now, replicas: load }, counted), standing, rule);
    const reason = stopped === null ? await this.#act(token, state, decision, standing) : decision.reason;
    const noted: AutoscaleDecision = {
      at: Math.round(clockOf(connection).now()),
      wanted: decision.wanted ?? null,
      replicas: counted,
      reason: `${reason[0]?.toUpperCase()}${reason.slice(1)}.`,
      hot: decision.hot,
    };
    await this.#autoscale.decided(token, noted);
  }

  /**
   * Makes sure that Redis knows the range.
   * @returns the stop by an operator, if there is one.
   */
  async #publish(token: string, { min, max }: RuleSettings): Promise<AutoscaleStop | null> {
    const { range, stopped } = await this.#autoscale.read();
    // If there is no range either, Redis was emptied since this controller has published it.
    const isEmptied = range === null && stopped === null;
    if (!isEmptied) this.#stopped = stopped;
    if (!isDeepStrictEqual(range, { min, max }))
      await this.#autoscale.publish(token, { min, max }, isEmptied ? this.#stopped : null);
    return this.#stopped;
  }

  /**
   * Forgets what was seen before another controller led.
   * @returns the token while this controller leads.
   */
  #leads(): string | undefined {
    const token = this.#options.token();
    if (token !== this.#ledAs) {
      this.#ledAs = token;
      this.#withdrawn = false;
      this.#stopped = null;
      this.#history = new LoadHistory(this.#options.rule?.times ?? ruleTimes);
      this.#changedAt = Number.NEGATIVE_INFINITY;
    }
    return token;
  }

  /** @returns why something was changed, or nothing. */
  async #act(token: string, state: RingState, decision: Decision, standing: Standing): Promise<string> {
    const { kind, reason } = decision;
    if (kind === 'stay') return reason;
    const { limits, connection, log } = this.#options;
    const made = scaleChange(state, decision, standing, limits);
    if ('refusal' in made) {
      const { refusal } = made;
      // The next tick finds the same.
      if (refusal !== this.#refusal) log.warn({ refusal, reason }, 'autoscaling can add no replica');
      this.#refusal = refusal;
      return `${reason}; none can be added: ${refusal}`;
    }
    this.#refusal = undefined;
    const { change, names } = made;
    const noted = { at: Math.round(clockOf(connection).now()), direction: kind, names, reason };
    const result = await this.#autoscale.scale(token, state, change, noted);
    if (result === 'outdated') return `${reason}; the ring has changed meanwhile`;
    if (result === 'refused') return `${reason}; autoscaling was stopped meanwhile`;
    this.#changedAt = performance.now();
    countsOf(connection).add(`autoscale:${kind}`);
    const to = standing.counted + (kind === 'up' ? names.length : -names.length);
    const did = kind === 'up' ? 'added' : 'removed';
    log.info(
      { names, from: standing.counted, to, reason },
      `autoscaling ${did} ${names.join(', ')}: ${reason}`,
    );
    return `${reason}; ${did} ${names.join(', ')}`;
  }
}

function unknown(why: string): Decision {
  return { kind: 'stay', by: 0, wanted: undefined, reason: `the load is not known: ${why}`, hot: [] };
}
