import type { Redis } from 'ioredis';
import type { HeirStore } from '#shared/store/heir-store.ts';
import type { Keys } from '#shared/store/keys/keys.ts';
import type { Logger } from '#shared/process/logger.ts';
import { nextGeneration, pardon } from '#shared/store/replica-queue.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import type { RingStore } from '#shared/store/ring-store.ts';
import type { Driver } from '../drivers/driver.ts';
import { planReplacement } from '../ring/replica-changes.ts';
import { renderStep } from './plan.ts';
import type { Step } from './plan.ts';

export interface Executor {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: RingStore;
  readonly heirs: HeirStore;
  readonly driver: Driver;
  readonly parameters: RingParameters;
  /** Time in ms that a worker has to finish what it holds. */
  readonly drainTimeoutMs: number;
  readonly log: Logger;
  /** @returns the leadership's token, or undefined once another controller may lead. */
  readonly token: () => string | undefined;
  /** Told of a step that failed. */
  readonly onFailure: (step: Step, error: unknown) => void;
}

/**
 * Carries out plans. What a driver does may take its time; it goes on in the background, while the next plans are made
 * from what is seen meanwhile.
 */
export class Execution {
  readonly #executor: Executor;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /**
   * Begins all steps of a plan. One that fails is reported and the others go on; one that is under way already is not
   * begun again.
   * @returns when the ring is changed and the other steps have begun.
   */
  async begin(steps: readonly Step[]): Promise<void> {
    const { log, store, heirs, parameters, token, onFailure } = this.#executor;
    const admit: { name: string; generation: number }[] = [];
    const evict: string[] = [];
    const offer: string[] = [];
    const withdraw: string[] = [];
    const replace: { name: string; by: string }[] = [];
    for (const step of steps) {
      const line = renderStep(step);
      const key = line.slice(0, line.indexOf(':'));
      if (this.#underWay.has(key)) continue;
      log.info({ step: step.do, replica: step.name }, line);
      if (step.do === 'admit') admit.push(step);
      else if (step.do === 'evict') evict.push(step.name);
      else if (step.do === 'offer') offer.push(step.name);
      else if (step.do === 'withdraw') withdraw.push(step.name);
      else if (step.do === 'replace') replace.push(step);
      else {
        const work = this.#one(step)
          .catch((error: unknown) => onFailure(step, error))
          .finally(() => this.#underWay.delete(key));
        this.#underWay.set(key, work);
      }
    }
    const fencing = token();
    if (fencing === undefined) return;
    for (const { name, by } of replace)
      await heirs.replace(fencing, (state) => planReplacement(state, name, by, parameters));
    if (admit.length + evict.length > 0) await store.changeRing(fencing, admit, evict);
    if (offer.length + withdraw.length > 0) await store.changeOffers(fencing, offer, withdraw);
  }

  /** The replicas for which a worker is being started. */
  get beginning(): ReadonlySet<string> {
    const prefix = 'start ';
    return new Set(
      Array.from(this.#underWay.keys(), (key) => (key.startsWith(prefix) ? key.slice(prefix.length) : '')),
    );
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  /** What a worker was running that ringpost ends has not killed it, in its own queue or in one that it inherited. */
  async #pardon(
    { name, generation }: { readonly name: string; readonly generation: number },
    graceMs: number,
  ): Promise<void> {
    const { redis, keys, heirs } = this.#executor;
    await pardon(redis, keys, name, generation, graceMs);
    for (const [dead, heir] of await heirs.read()) {
      const last = heir === name ? await redis.get(keys.currentGeneration(dead)) : null;
      if (last !== null) await pardon(redis, keys, dead, last, graceMs);
    }
  }

  async #one(step: Step): Promise<void> {
    const { redis, keys, store, heirs, driver, token, drainTimeoutMs } = this.#executor;
    if (token() === undefined) return;
    switch (step.do) {
      case 'start':
      case 'standby':
        if (driver.kind === 'none') return;
        await driver.ensure(step.name, await nextGeneration(redis, keys, step.name));
        return;
      case 'kill':
        await this.#pardon(step, 0);
        await driver.remove(step.name, step.generation, 0);
        return;
      case 'retire':
        await this.#pardon(step, drainTimeoutMs);
        await driver.remove(step.name, step.generation, drainTimeoutMs);
        return;
      case 'forget':
        await store.forget(step.name);
        return;
      case 'disinherit':
        await heirs.end(step.name);
        return;
      case 'replace':
      case 'admit':
      case 'evict':
      case 'offer':
      case 'withdraw':
        return;
      default:
        step satisfies never;
    }
  }
}
