import type { Redis } from 'ioredis';
import type { Keys } from '#shared/keys.ts';
import type { Logger } from '#shared/logger.ts';
import { nextGeneration } from '#shared/replica-queue.ts';
import type { RingStore } from '#shared/ring-store.ts';
import type { Driver } from '../drivers/driver.ts';
import { renderStep } from './plan.ts';
import type { Step } from './plan.ts';

export interface Executor {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly store: RingStore;
  readonly driver: Driver;
  readonly log: Logger;
  /** @returns the leadership's token, or undefined once another controller may lead. */
  readonly token: () => string | undefined;
  /** Told of a step that failed. */
  readonly onFailure: (step: Step, error: unknown) => void;
}

/**
 * Carries out the steps of a plan, all at once: they concern different replicas, or do not depend on each other.
 * A step that fails is reported and the others go on; the next plan begins from what is then.
 */
export async function execute(steps: readonly Step[], executor: Executor): Promise<void> {
  const admit: { name: string; generation: number }[] = [];
  const evict: string[] = [];
  const single: Step[] = [];
  for (const step of steps) {
    executor.log.info({ step: step.do, replica: step.name }, renderStep(step));
    if (step.do === 'admit') admit.push(step);
    else if (step.do === 'evict') evict.push(step.name);
    else single.push(step);
  }
  const token = executor.token();
  if (token === undefined) return;
  if (admit.length + evict.length > 0) await executor.store.changeRing(token, admit, evict);
  await Promise.all(
    single.map(async (step) => {
      try {
        if (executor.token() !== undefined) await executeOne(step, executor);
      } catch (error) {
        executor.onFailure(step, error);
      }
    }),
  );
}

async function executeOne(step: Step, { redis, keys, store, driver }: Executor): Promise<void> {
  switch (step.do) {
    case 'start': {
      if (driver.kind === 'none') return;
      const generation = await nextGeneration(redis, keys, step.name);
      return driver.ensure(step.name, generation);
    }
    case 'kill':
      return driver.remove(step.name, step.generation, 0);
    case 'forget':
      await store.forget(step.name);
      return;
    case 'admit':
    case 'evict':
      return;
    default:
      return step satisfies never;
  }
}
