import type { Logger } from '#shared/process/logger.ts';
import type { RingParameters } from '#shared/ring/ring.ts';
import { isPaused, pauseQueue, resumeQueue } from '#shared/store/queue/queue-pauses.ts';
import { currentGeneration, expectDeath, nextGeneration } from '#shared/store/lease/generations.ts';
import { SleepNotes } from '#shared/store/lease/sleep-notes.ts';
import type { HeirStore } from '#shared/store/ring/heir-store.ts';
import type { Connection } from '#shared/store/redis/connection.ts';
import type { RingStore } from '#shared/store/ring/ring-store.ts';
import { SlowStartStore } from '#shared/store/ring/slow-start-store.ts';
import type { Driver } from '../drivers/driver.ts';
import { planReplacement } from '../ring/replica-changes.ts';
import { describeStep, renderStep } from './step.ts';
import type { Step } from './step.ts';

export interface Executor {
  readonly connection: Connection;
  readonly store: RingStore;
  readonly heirs: HeirStore;
  readonly driver: Driver;
  readonly parameters: RingParameters;
  /** Time in ms that a worker has to finish what it holds if it is replaced. */
  readonly retireMs: number;
  readonly log: Logger;
  /** @returns the leadership's token, or undefined once another controller may lead. */
  readonly token: () => string | undefined;
  /** Told of a step that failed. */
  readonly onFailure: (step: Step, error: unknown) => void;
}

/** A step that goes on in the background. */
interface Work {
  readonly step: Step;
  readonly done: Promise<void>;
}

/**
 * Executes plans. What a driver does may take long. It goes on in the background, while the next plans are
 * made from what is observed in the meantime.
 */
export class Execution {
  readonly #executor: Executor;
  readonly #slowStarts: SlowStartStore;
  /** The work in progress, by what it does: {@link describeStep}. */
  readonly #underWay = new Map<string, Work>();

  constructor(executor: Executor) {
    this.#executor = executor;
    this.#slowStarts = new SlowStartStore(executor.connection, executor.log);
  }

  /**
   * Begins all steps of a plan, except those in progress. A step that fails is reported, and the
   * others go on.
   * @returns when the ring is changed and the other steps have started.
   */
  async begin(steps: readonly Step[]): Promise<void> {
    const { log } = this.#executor;
    const fresh = steps.filter((step) => !this.#underWay.has(describeStep(step)));
    for (const step of fresh) {
      // A replica that cannot sleep yet is asked again in the next pass.
      if (step.do !== 'sleep') log.info({ step: step.do, replica: step.name }, renderStep(step));
      if (!changesRing.has(step.do)) this.#beginOne(step);
    }
    await this.#changeRing(fresh);
  }

  /** The replicas for which a worker is being started. */
  get starting(): ReadonlySet<string> {
    const steps = Array.from(this.#underWay.values(), ({ step }) => step);
    return new Set(ofKind(steps, 'start').map(({ name }) => name));
  }

  /** Resolves when nothing is in progress. */
  async idle(): Promise<void> {
    await Promise.all(Array.from(this.#underWay.values(), ({ done }) => done));
  }

  #beginOne(step: Step): void {
    const what = describeStep(step);
    const done = this.#execute(step)
      .catch((error: unknown) => this.#executor.onFailure(step, error))
      .finally(() => this.#underWay.delete(what));
    this.#underWay.set(what, { step, done });
  }

  /** Makes all changes of the ring of one plan: one script for each kind of change. */
  async #changeRing(steps: readonly Step[]): Promise<void> {
    const { connection, store, heirs, parameters } = this.#executor;
    const token = this.#executor.token();
    if (token === undefined) return;
    for (const { name, by } of ofKind(steps, 'replace')) {
      // The new replica runs nothing either, until an operator resumes it.
      if (await isPaused(connection, name)) await pauseQueue(connection, by);
      await heirs.replace(token, (state) => planReplacement(state, name, by, parameters));
    }
    const admit = ofKind(steps, 'admit');
    const evict = ofKind(steps, 'evict').map(({ name }) => name);
    if (admit.length + evict.length > 0) await store.changeRing(token, admit, evict);
    const shares = ofKind(steps, 'share').map(({ name, slowStart }) => [name, slowStart] as const);
    if (shares.length > 0) await this.#slowStarts.change(token, new Map(shares));
    const offer = ofKind(steps, 'offer').map(({ name }) => name);
    const withdraw = ofKind(steps, 'withdraw').map(({ name }) => name);
    if (offer.length + withdraw.length > 0) await store.changeOffers(token, offer, withdraw);
  }

  async #execute(step: Step): Promise<void> {
    const { connection, store, heirs, driver, token, retireMs, log } = this.#executor;
    if (token() === undefined) return;
    switch (step.do) {
      case 'start':
      case 'standby':
        if (driver.kind === 'none') return;
        await driver.ensure(step.name, await nextGeneration(connection, step.name));
        return;
      case 'kill':
        await this.#end(step, 0);
        return;
      case 'retire':
        await this.#end(step, retireMs);
        return;
      case 'sleep':
        // A job may have come since the plan was made. Then the worker goes on.
        if (!(await new SleepNotes(connection).fallAsleep(step.name, step.terms))) return;
        log.info({ step: step.do, replica: step.name }, renderStep(step));
        await this.#end({ name: step.name, generation: step.terms.generation }, retireMs);
        return;
      case 'forget':
        await store.forget(step.name);
        return;
      case 'disinherit':
        await heirs.end(step.name);
        return;
      case 'restarted':
        await store.endRestart(token() ?? '', step.name, step.restart);
        return;
      case 'resume':
        await resumeQueue(connection, step.name);
        return;
      case 'replace':
      case 'admit':
      case 'evict':
      case 'share':
      case 'offer':
      case 'withdraw':
        return;
      default:
        step satisfies never;
    }
  }

  async #end(
    { name, generation }: { readonly name: string; readonly generation: number },
    graceMs: number,
  ): Promise<void> {
    await this.#expectDeath(name, generation, graceMs);
    await this.#executor.driver.remove(name, generation, graceMs);
  }

  /**
   * What the worker runs does not kill it, neither in its own queue nor in one that its replica inherited.
   */
  async #expectDeath(name: string, generation: number, graceMs: number): Promise<void> {
    const { connection, heirs } = this.#executor;
    await expectDeath(connection, name, generation, graceMs);
    for (const [dead, heir] of await heirs.read()) {
      const last = heir === name ? await currentGeneration(connection, dead) : undefined;
      if (last !== undefined) await expectDeath(connection, dead, last, graceMs);
    }
  }
}

/** The steps that `#changeRing` makes, together with others of their kind. */
const changesRing: ReadonlySet<Step['do']> = new Set([
  'replace',
  'admit',
  'evict',
  'share',
  'offer',
  'withdraw',
]);

function ofKind<Kind extends Step['do']>(
  steps: readonly Step[],
  kind: Kind,
): Extract<Step, { readonly do: Kind }>[] {
  return steps.filter((step): step is Extract<Step, { readonly do: Kind }> => step.do === kind);
}
