import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createVitest } from 'vitest/node';
import { projectFolder } from '../fixtures/command.ts';
import type { SessionPlan, Tried } from './trial.ts';

/** What came of a mutant. `late`: tests took too long with it, which also tells it. */
export type Outcome =
  | { readonly outcome: 'killed' | 'late'; readonly by: string }
  | { readonly outcome: 'survived' };

/** The thread starts again when its heap has grown to this, since modules are never freed. */
const maxHeapBytes = 700e6;
/** Of the processor or, for a test that waits for something, of the clock. In ms. */
const leastTime = { cpuMs: 3_000, clockMs: 90_000 };

/** @returns vitest's settings for the thread, as vitest itself makes them. */
export async function vitestSettings(testTimeout = 20_000): Promise<object> {
  const settings = {
    config: false as const,
    root: projectFolder,
    watch: false,
    reporters: [{}],
    include: [],
    bail: 1,
    isolate: false,
    testTimeout,
    hookTimeout: testTimeout,
    expect: { poll: { timeout: testTimeout } },
    runner: `${projectFolder}tests/mutants/runner.ts`,
    experimental: { viteModuleRunner: false, nodeLoader: false },
  };
  const vitest = await createVitest('test', settings);
  const { serializedConfig } = vitest.getRootProject();
  await vitest.close();
  return JSON.parse(JSON.stringify(serializedConfig)) as object;
}

/** Runs the tests of one source file for one text of it after the other. */
export class Attempts {
  readonly #plan: SessionPlan;
  #worker: Worker | undefined;
  #number = 0;
  #limit = leastTime;

  constructor(plan: SessionPlan) {
    this.#plan = plan;
  }

  /**
   * Runs the tests for the original text, which sets the time that a mutant may take.
   * @returns the time in ms that they took.
   * @throws {Error} if a test fails, or none runs.
   */
  async runOriginal(): Promise<number> {
    // The first time also loads the modules.
    await this.#run(this.#plan.original);
    const since = performance.now();
    const before = await this.#cpuMs();
    const { by, ran, used } = await this.#run(this.#plan.original);
    if (by !== undefined || ran === 0)
      throw new Error(`the tests fail without a mutant: ${by ?? 'there are none'}`);
    if (!used) throw new Error('no test runs the script');
    const ms = performance.now() - since;
    const cpuMs = (await this.#cpuMs()) - before;
    this.#limit = {
      cpuMs: Math.max(leastTime.cpuMs, 4 * cpuMs),
      clockMs: Math.max(leastTime.clockMs, 8 * ms),
    };
    return ms;
  }

  async runMutant(text: string): Promise<Outcome> {
    const { by, late } = await this.#run(text);
    if (by === undefined) return { outcome: 'survived' };
    return { outcome: late ? 'late' : 'killed', by };
  }

  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  async #run(text: string): Promise<Tried> {
    const worker = await this.#start();
    const number = ++this.#number;
    const { promise, resolve, reject } = Promise.withResolvers<Tried>();
    const broken = (error: unknown): void => resolve(endedBy(number, String(error), false));
    const answered = (tried: Tried): void => {
      if (tried.number === number) resolve(tried);
    };
    worker.on('message', answered).on('error', broken);
    const since = performance.now();
    const cpuBefore = await this.#cpuMs();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window.
    worker.postMessage({ number, text });
    const watch = setInterval(() => {
      void this.#cpuMs().then((cpuMs) => {
        const { cpuMs: most, clockMs } = this.#limit;
        if (cpuMs - cpuBefore > most || performance.now() - since > clockMs)
          resolve(endedBy(number, 'the time it took', true));
      }, reject);
    }, 500);
    try {
      const tried = await promise;
      if (tried.heapBytes > maxHeapBytes) await this.stop();
      return tried;
    } finally {
      clearInterval(watch);
      worker.off('message', answered).off('error', broken);
    }
  }

  async #start(): Promise<Worker> {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('session.ts', import.meta.url), {
      workerData: this.#plan,
      execArgv: ['--disable-warning=ExperimentalWarning', '--disable-warning=DEP0187'],
    });
    await once(worker, 'message');
    this.#worker = worker;
    return worker;
  }

  /** @returns the processor time of the thread so far. */
  async #cpuMs(): Promise<number> {
    const usage = await this.#worker?.cpuUsage();
    return usage === undefined ? 0 : (usage.user + usage.system) / 1000;
  }
}

/** A thread that ended or hangs is left behind, and the next mutant gets a new one. */
function endedBy(number: number, by: string, late: boolean): Tried {
  return { number, by, late, ran: 0, used: true, heapBytes: Infinity };
}
