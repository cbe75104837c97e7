import { adopterOf } from '#shared/contract/lease.ts';
import type { Lease } from '#shared/contract/lease.ts';
import { replicaOf } from '#shared/contract/request-id.ts';
import { Choices, rarely } from './choices.ts';
import type { Pick } from './choices.ts';
import { Cluster, leaseMs } from './cluster.ts';
import type { RealRedis } from './floor/real-redis.ts';
import { pendingImmediates, real, resetRandom } from './floor/node-globals.ts';
import { simDisk, traceFolder } from './floor/sim-disk.ts';
import { forgetProcesses } from './floor/sim-process.ts';
import { SimRedis } from './floor/sim-redis.ts';
import type { Link } from './floor/sim-redis.ts';
import { startMs, virtualClock } from './floor/virtual-clock.ts';
import type { VirtualScripts } from './floor/virtual-scripts.ts';
import { Faults } from './faults.ts';
import { faultsAtRest, faultsOf, faultsOfHistory } from './oracles.ts';
import { Stage } from './stage.ts';
import type { Scenario } from './stage.ts';
import { runOutcomes, Traffic } from './traffic.ts';
import type { Run } from './traffic.ts';
import { drawWorld } from './worlds.ts';

/** One thing that may happen next. */
export interface Step {
  readonly label: string;
  /** The connection on which it happens, if there is one. */
  readonly link?: Link;
  readonly run: () => void | Promise<void>;
}

/** What became of a schedule. */
export interface Outcome {
  /** What is wrong; undefined if nothing is. */
  readonly failure: string | undefined;
  readonly alsoWrong: readonly string[];
  readonly choices: readonly number[];
  readonly trace: readonly string[];
  readonly world: string;
  /** How many commands Redis has executed. */
  readonly executed: number;
  readonly faults: number;
  /** How often things happened that only some faults lead to. */
  readonly seen: Readonly<Record<string, number>>;
}

/** How the decisions of a schedule are made at random. It is no part of the schedule. */
export interface Habits {
  readonly pick: Pick;
  /** Picks a fault, or none. */
  readonly pickFault: Pick;
  /** Picks how long handlers run, and how long the driver takes to kill. */
  readonly pickDelay: Pick;
}

export const noHabits: Habits = { pick: rarely(0), pickFault: rarely(0), pickDelay: rarely(0) };

/** What all schedules of a process of the system share. */
export interface Floorboards {
  readonly real: RealRedis;
  readonly scripts: VirtualScripts;
  /** The Redis of the schedule that runs now. */
  redis: SimRedis | undefined;
  /** Told of errors that nobody catches. */
  onUncaught: (error: unknown) => void;
}

/** The most decisions about steps of one schedule. */
const maxSteps = 600;
/** The most turns of one schedule, with those in which only time passes. */
const maxTurns = 30_000;
/** The most turns while time stands still: a process that never waits takes more. */
const maxTurnsAtOnce = 2000;
/** A schedule must come to rest within this virtual time, in ms. */
const restMs = 120_000;

/** Runs one schedule. */
export async function runSchedule(
  floor: Floorboards,
  choices: Choices,
  habits: Habits,
  traced = false,
): Promise<Outcome> {
  return new Schedule(floor, choices, habits, traced).run();
}

/** Runs a schedule that is written down. */
export async function playScenario(floor: Floorboards, scenario: Scenario, traced = false): Promise<Outcome> {
  return new Schedule(floor, new Choices([]), noHabits, traced).run(scenario);
}

class Schedule {
  readonly #floor: Floorboards;
  readonly #choices: Choices;
  readonly #habits: Habits;
  readonly #traced: boolean;
  readonly #trace: string[] = [];
  readonly #redis: SimRedis;
  readonly #traffic = new Traffic(
    () => [0, 500, leaseMs / 2, 2 * leaseMs][this.#choices.draw(4, this.#habits.pickDelay)] ?? 0,
  );
  readonly #wrong: string[] = [];
  /** When each connection was served last, so that none is forgotten. */
  readonly #served = new Map<Link, number>();
  #turn = 0;
  #turns = 0;
  #turnsAtOnce = 0;
  #turnMs = 0;
  /** Whether clients send requests. */
  #open = false;
  #paced = false;

  constructor(floor: Floorboards, choices: Choices, habits: Habits, traced: boolean) {
    this.#floor = floor;
    this.#choices = choices;
    this.#habits = habits;
    this.#traced = traced;
    this.#redis = new SimRedis(floor.real, floor.scripts);
  }

  async run(scenario?: Scenario): Promise<Outcome> {
    const choices = this.#choices;
    virtualClock.reset();
    resetRandom();
    simDisk.reset();
    forgetProcesses();
    this.#floor.redis = this.#redis;
    this.#floor.onUncaught = (error) => this.#wrong.push(`an error that nobody caught: ${String(error)}`);
    await this.#redis.begin();
    const world = scenario?.world ?? drawWorld(choices);
    const { replicas, gateways, settings } = world;
    const cluster = new Cluster({
      redis: this.#redis,
      replicas,
      gateways,
      settings: { ...settings, PROTOCOL_TRACE: traceFolder },
      handlerOf: (replica, generation, process) => this.#traffic.handlerOf(replica, generation, process),
      killDelayMs: () =>
        scenario?.killDelayMs ?? [0, 2 * leaseMs, 5 * leaseMs][choices.draw(3, this.#habits.pickDelay)] ?? 0,
      onFailure: ({ name }, error) => this.#note(`${name} cannot start: ${String(error)}`),
      onDeath: (process) => this.#traffic.onDeath(process),
    });
    const faults = new Faults({
      cluster,
      redis: this.#redis,
      traffic: this.#traffic,
      choices,
      note: (text) => this.#note(text),
      passTime: () => this.#passTime(),
      stall: (ms) => this.#stall(ms),
    });
    this.#paced = world.paced ?? false;
    for (const { kind, key } of world.requests) this.#traffic.add(kind, key);
    try {
      await this.#boot(cluster);
      if (scenario === undefined) await this.#act(cluster, faults);
      else await scenario.play(this.#stage(cluster));
      this.#note('no more faults');
      faults.end();
      await this.#rest(cluster);
    } catch (error) {
      this.#wrong.push(error instanceof Error ? error.message : String(error));
    }
    for (const process of cluster.processes) cluster.kill(process, false);
    this.#wrong.push(...faultsOfHistory(simDisk.traced));
    this.#floor.redis = undefined;
    return {
      failure: this.#wrong[0],
      alsoWrong: this.#wrong.slice(1),
      choices: choices.made,
      trace: this.#trace,
      world: world.name,
      executed: this.#redis.executed,
      faults: faults.count,
      seen: this.#seen(),
    };
  }

  #seen(): Record<string, number> {
    const { runs, requests } = this.#traffic;
    return {
      runs: runs.length,
      superseded: runs.filter(({ superseded }) => superseded).length,
      repeated: runs.filter(({ attempt }) => attempt > 1).length,
      cancelAsked: requests.filter(({ cancel }) => cancel !== undefined).length,
      cancelled: requests.filter(({ cancel }) => typeof cancel === 'object').length,
      unknown: requests.filter(({ answers }) => answers.includes('outcome_unknown')).length,
      died: requests.filter(({ answers }) => answers.includes('worker_died')).length,
      timeouts: requests.filter(({ answers }) => answers.includes('reply_timeout')).length,
      refused: requests.filter(({ answers }) => answers.some((each) => /^(redis|no_)/.test(each))).length,
    };
  }

  /** Lets the system start, without decisions. */
  async #boot(cluster: Cluster): Promise<void> {
    let started = false;
    cluster.start().then(
      () => void (started = true),
      (error: unknown) => this.#wrong.push(`the system does not start: ${String(error)}`),
    );
    const { replicas } = cluster;
    await this.#pump(cluster, () => started && cluster.isWhole(replicas), 60_000);
    await this.#pump(cluster, () => false, 1000, true);
    this.#open = true;
  }

  #stage(cluster: Cluster): Stage {
    return new Stage({
      cluster,
      redis: this.#redis,
      traffic: this.#traffic,
      steps: async () => {
        await this.#settle();
        return this.#steps(cluster);
      },
      take: (step) => this.#take(step),
      passTime: () => this.#passTime(),
      note: (text) => this.#note(text),
    });
  }

  /** Decides what happens until each client has an answer. */
  async #act(cluster: Cluster, faults: Faults): Promise<void> {
    for (let decisions = 0; decisions < maxSteps && this.#wrong.length === 0; decisions += 1) {
      await this.#settle();
      if (this.#traffic.isOver) return;
      const fault = faults.draw(this.#habits.pickFault);
      if (fault !== undefined) {
        await fault();
        continue;
      }
      const steps = this.#steps(cluster);
      if (steps.length === 0) {
        if (!this.#passTime() || virtualClock.nowMs > startMs + restMs) return;
        continue;
      }
      const at = this.#choices.draw(steps.length, this.#habits.pick);
      await this.#take(steps[at]);
    }
  }

  /** Lets the rest run without faults, and looks for what is wrong. */
  async #rest(cluster: Cluster): Promise<void> {
    const atRest = async (): Promise<boolean> => {
      if (this.#traffic.unanswered.length > 0) return false;
      return (await faultsAtRest(this.#redis)).length === 0;
    };
    await this.#pump(cluster, () => this.#traffic.unanswered.length === 0, restMs);
    for (let tries = 0; tries < 60 && !(await atRest()); tries += 1)
      await this.#pump(cluster, () => false, 1000, true);
    this.#wrong.push(...(await faultsAtRest(this.#redis)));
    let looked: readonly string[] | undefined;
    faultsOf(this.#traffic, cluster).then(
      (found) => void (looked = found),
      (error: unknown) => this.#wrong.push(`the records cannot be read: ${String(error)}`),
    );
    await this.#pump(cluster, () => looked !== undefined, restMs);
    this.#wrong.push(...(looked ?? []));
  }

  /** Takes the oldest steps, and lets time pass if there are none. */
  async #pump(cluster: Cluster, until: () => boolean, ms: number, quiet = false): Promise<void> {
    const end = virtualClock.nowMs + ms;
    for (;;) {
      await this.#settle();
      if (until() || this.#wrong.length > 0) return;
      if (await this.#takeAll(cluster)) continue;
      if (virtualClock.nowMs >= end || !this.#passTime()) break;
    }
    if (!quiet) this.#wrong.push(`not done after ${ms} ms: ${this.#waiting()}`);
  }

  /** Takes what may happen now, without decisions. @returns false if that is nothing. */
  async #takeAll(cluster: Cluster): Promise<boolean> {
    const arriving = this.#redis.deliverable();
    for (const link of arriving) {
      this.#note(`${link.name} gets a reply`);
      this.#redis.deliver(link);
    }
    if (arriving.length > 0) return true;
    const [step] = this.#ownSteps(cluster);
    if (step !== undefined) {
      await this.#take(step);
      return true;
    }
    const links = this.#redis.executable();
    for (const link of links) this.#note(`Redis executes ${this.#redis.describe(link)}`);
    await this.#redis.executeAll(links);
    return links.length > 0;
  }

  #waiting(): string {
    const { unanswered } = this.#traffic;
    return unanswered.map(({ n, kind }) => `request ${n} (${kind.name}) has no answer`).join(', ');
  }

  async #take(step: Step | undefined): Promise<void> {
    if (step === undefined) return;
    this.#note(step.label);
    await step.run();
  }

  /**
   * No run begins if another worker has the lease. Runs of one line may overlap only if the first one's
   * worker is superseded, or its request is over.
   */
  async #checkBegun(): Promise<void> {
    for (const run of this.#traffic.begun.splice(0)) {
      this.#note(`run ${run.n} of request ${run.of} begins on ${run.process.name}`);
      if (await this.#isSuperseded(run)) this.#wrong.push(`run ${run.n} began on a worker without the lease`);
    }
    for (const { first, second } of this.#traffic.overlaps.splice(0)) {
      if (first.aborted() || (await this.#isSuperseded(first))) continue;
      this.#wrong.push(`run ${second.n} began while run ${first.n} of its line was under way`);
    }
  }

  /** All that may happen next, the oldest first. */
  #steps(cluster: Cluster): Step[] {
    const links = [
      ...this.#redis.deliverable().map((link) => ({ link, does: 'gets' as const })),
      ...this.#redis.executable().map((link) => ({ link, does: 'executes' as const })),
    ].toSorted((a, b) => (this.#served.get(a.link) ?? 0) - (this.#served.get(b.link) ?? 0));
    const steps = links.map(({ link, does }) => ({
      link,
      label: does === 'gets' ? `${link.name} gets a reply` : `Redis executes ${this.#redis.describe(link)}`,
      run: async () => {
        this.#served.set(link, (this.#turn += 1));
        if (does === 'gets') this.#redis.deliver(link);
        else await this.#redis.execute(link);
      },
    }));
    return [...this.#ownSteps(cluster), ...steps];
  }

  /** What clients, handlers and the driver may do next. */
  #ownSteps(cluster: Cluster): Step[] {
    const traffic = this.#traffic;
    const steps: Step[] = [];
    const maySend = this.#open && !(this.#paced && traffic.requests.some(({ state }) => state === 'waiting'));
    const next = maySend ? traffic.requests.find(({ state }) => state === 'unsent') : undefined;
    const gateways = cluster.gateways.filter(({ process }) => process.state === 'running');
    const gateway = gateways[(next?.n ?? 0) % Math.max(1, gateways.length)];
    if (next !== undefined && gateway !== undefined)
      steps.push({
        label: `a client sends request ${next.n} (${next.kind.name}:${next.key}) to ${gateway.process.name}`,
        run: () => traffic.send(next, gateway),
      });
    const notice = cluster.driver.notices.find(({ owner }) => owner.state !== 'frozen');
    if (notice !== undefined)
      steps.push({
        label: `${notice.owner.name} hears that ${notice.death.name}#${notice.death.generation} has ended`,
        run: () => {
          cluster.driver.notices.splice(cluster.driver.notices.indexOf(notice), 1);
          if (notice.owner.state === 'running') notice.tell();
        },
      });
    for (const run of traffic.due)
      steps.push({
        label: `run ${run.n} of request ${run.of} on ${run.process.name} ends`,
        run: async () => {
          run.superseded = await this.#isSuperseded(run);
          const outcome = runOutcomes[this.#choices.draw(runOutcomes.length, rarely(0.15))];
          if (outcome === 'kills its worker') {
            this.#note(`FAULT: run ${run.n} kills ${run.process.name}`);
            cluster.kill(run.process, true);
          } else run.finish(outcome ?? 'answers');
        },
      });
    return steps;
  }

  /** Whether another worker has the lease of the queue of a run. It is false of adopters and moved jobs. */
  async #isSuperseded({ requestId, replica, generation }: Run): Promise<boolean> {
    const queue = replicaOf(requestId) ?? replica;
    if (queue !== replica) return false;
    const lease = await this.#redis.ask('GET', `sim:{${queue}}:lease`);
    if (typeof lease !== 'string') return false;
    const held = JSON.parse(lease) as Lease; // workers have written it
    const holder = held.adopter ?? adopterOf(queue, held.generation);
    return holder !== adopterOf(replica, generation);
  }

  /** Fires the next timer. @returns false if there is none. */
  #passTime(): boolean {
    const timer = virtualClock.next();
    const unblock = this.#redis.nextUnblockMs();
    if (timer === undefined || unblock < timer.dueMs) {
      if (!Number.isFinite(unblock)) return false;
      virtualClock.moveTo(unblock);
      return true;
    }
    virtualClock.moveTo(timer.dueMs);
    virtualClock.fire(timer);
    return true;
  }

  /** Time passes, but no command is executed. */
  async #stall(ms: number): Promise<void> {
    const end = virtualClock.nowMs + ms;
    for (;;) {
      const timer = virtualClock.next();
      if (timer === undefined || timer.dueMs > end) break;
      virtualClock.moveTo(timer.dueMs);
      virtualClock.fire(timer);
      await this.#settle();
    }
    virtualClock.moveTo(end);
  }

  /** Waits until no process does anything by itself any more. */
  async #settle(): Promise<void> {
    this.#turns += 1;
    this.#turnsAtOnce = this.#turnMs === virtualClock.nowMs ? this.#turnsAtOnce + 1 : 0;
    this.#turnMs = virtualClock.nowMs;
    if (this.#turns > maxTurns) throw new Error(`the system does not rest: ${this.#waiting()}`);
    if (this.#turnsAtOnce > maxTurnsAtOnce) throw new Error('a process acts again and again without a pause');
    for (let quiet = 0, seen = -1; quiet < 2;) {
      await new Promise((resolve) => real.setImmediate(resolve));
      const { activity } = this.#redis;
      quiet = pendingImmediates() === 0 && activity === seen ? quiet + 1 : 0;
      seen = activity;
    }
    await this.#checkBegun();
  }

  #note(text: string): void {
    if (this.#traced) this.#trace.push(`${String(virtualClock.nowMs - startMs).padStart(6)} ${text}`);
  }
}
