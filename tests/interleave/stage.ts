import type { Cluster } from './cluster.ts';
import type { SimProcess } from './floor/sim-process.ts';
import type { SimRedis } from './floor/sim-redis.ts';
import { virtualClock } from './floor/virtual-clock.ts';
import type { Step } from './schedule.ts';
import type { Run, Traffic } from './traffic.ts';
import type { World } from './worlds.ts';

/** A schedule that is written down, and that no change of the protocol's calls moves. */
export interface Scenario {
  readonly name: string;
  readonly world: World;
  /** How long it takes until the driver has killed a worker, in ms. */
  readonly killDelayMs?: number;
  /** Plays what is to happen. All that it does not name happens in the natural order. */
  readonly play: (stage: Stage) => Promise<void>;
}

export interface StageOptions {
  readonly cluster: Cluster;
  readonly redis: SimRedis;
  readonly traffic: Traffic;
  /** All that may happen now, the oldest first, after the processes have done what they do by themselves. */
  readonly steps: () => Promise<readonly Step[]>;
  readonly take: (step: Step) => Promise<void>;
  readonly passTime: () => boolean;
  readonly note: (text: string) => void;
}

/** A scenario gives up if what it waits for has not happened after so much virtual time, in ms. */
const patienceMs = 60_000;

/** What a scenario directs. It names steps by what the trace says of them. */
export class Stage {
  readonly #options: StageOptions;
  #held: readonly RegExp[] = [];

  constructor(options: StageOptions) {
    this.#options = options;
  }

  get runs(): readonly Run[] {
    return this.#options.traffic.runs;
  }

  /** Steps of these names are not taken by themselves any more. */
  hold(...names: readonly RegExp[]): void {
    this.#held = [...this.#held, ...names];
  }

  /** Nothing is held any more. */
  release(): void {
    this.#held = [];
  }

  /** Goes on until a step of this name may be taken. It may be one that is held. */
  async until(name: RegExp): Promise<void> {
    const end = virtualClock.nowMs + patienceMs;
    await this.#goOn((steps) => {
      if (virtualClock.nowMs > end) throw new Error(`the scenario waits in vain for ${String(name)}`);
      return steps.some(({ label }) => name.test(label));
    });
  }

  /** Goes on until a step of this name may be taken, and takes it. */
  async take(name: RegExp): Promise<void> {
    await this.until(name);
    const steps = await this.#options.steps();
    const step = steps.find(({ label }) => name.test(label));
    if (step === undefined) throw new Error(`the step ${String(name)} has gone`);
    await this.#options.take(step);
  }

  /** Goes on until Redis may execute a call of this name, has it executed, and loses the reply. */
  async lose(name: RegExp): Promise<void> {
    await this.until(name);
    const step = (await this.#options.steps()).find(({ label }) => name.test(label));
    if (step?.link === undefined) throw new Error(`the call ${String(name)} has gone`);
    await this.#options.take(step);
    this.#options.note(`the connection ${step.link.name} breaks`);
    this.#options.redis.cut(step.link);
  }

  /** Ends a run that has begun. */
  end(n: number, outcome: Parameters<Run['finish']>[0]): void {
    const run = this.runs[n];
    if (run === undefined) throw new Error(`there is no run ${n}`);
    this.#options.note(`run ${n} ${outcome}`);
    run.finish(outcome);
  }

  /** Goes on until so many runs have begun. */
  async begun(count: number): Promise<void> {
    const end = virtualClock.nowMs + patienceMs;
    await this.#goOn(() => {
      if (virtualClock.nowMs > end) throw new Error(`the scenario waits in vain for run ${count - 1}`);
      return this.runs.length >= count;
    });
  }

  /** Goes on until so much time has passed, in ms. */
  async pass(ms: number): Promise<void> {
    const end = virtualClock.nowMs + ms;
    await this.#goOn(() => virtualClock.nowMs >= end);
  }

  /** @throws {Error} if a client was told anything else. */
  expectAnswers(answer: RegExp): void {
    for (const { n, answers } of this.#options.traffic.requests)
      if (!answers.every((each) => answer.test(each)))
        throw new Error(`request ${n} was told ${answers.join(' and ')}`);
  }

  /** @param name what the name of the process begins with. */
  kill(name: string): void {
    const process = this.#process(name);
    this.#options.note(`${process.name} is killed`);
    this.#options.cluster.kill(process, true);
  }

  freeze(name: string): void {
    const process = this.#process(name);
    this.#options.note(`${process.name} freezes`);
    process.state = 'frozen';
  }

  wake(name: string): void {
    const process = this.#process(name);
    this.#options.note(`${process.name} wakes`);
    this.#options.cluster.wake(process);
  }

  #process(name: string): SimProcess {
    const process = this.#options.cluster.processes.find((each) => each.name.startsWith(name));
    if (process === undefined) throw new Error(`no process is ${name}`);
    return process;
  }

  async #goOn(isOver: (steps: readonly Step[]) => boolean): Promise<void> {
    for (;;) {
      const steps = await this.#options.steps();
      if (isOver(steps)) return;
      const step = steps.find(({ label }) => !this.#held.some((name) => name.test(label)));
      if (step !== undefined) await this.#options.take(step);
      else if (!this.#options.passTime()) throw new Error('nothing happens any more');
    }
  }
}
