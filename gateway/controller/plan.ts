import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import { notStarted } from './limit.ts';
import type { Observed } from './observe.ts';
import { hasHeir, instancesOf, isGone, ownLease } from './observed-replica.ts';
import { nextStatus, withoutDeath } from './replica-state.ts';
import type { Facts } from './replica-state.ts';
import {
  offerSteps,
  restartSteps,
  resumeSteps,
  ringSteps,
  rolloutSteps,
  workerSteps,
} from './replica-steps.ts';
import { shareSteps } from './slow-start.ts';
import { sleepSteps } from './sleep-steps.ts';
import type { Step } from './step.ts';

/** What the controller remembers of each replica from one pass to the next. */
export type Memory = ReadonlyMap<string, ReplicaStatus>;

/** Why the worker of each replica ended that drivers saw end since the last pass. */
export type Deaths = ReadonlyMap<string, string>;

export interface PlanSettings {
  /** Time in ms that a lost replica keeps its place in the ring. */
  readonly failoverMs: number;
  /** Time in ms that a worker may take to be ready. */
  readonly startTimeoutMs: number;
  /** Time in ms for which a retired replica's queue must have been empty. */
  readonly retiredIdleMs: number;
  /** Time in ms after which an idle replica is put to sleep; unset or 0: none sleeps. */
  readonly sleepAfterMs?: number;
  /** Replicas that may be started; unset: all that are desired. */
  readonly maxReplicas?: number;
  /** Makes the name of a replica that replaces a dead one; unset: it has the dead one's. */
  readonly newName?: (() => string) | undefined;
  /** How many new workers may start at once for outdated ones; unset: one. */
  readonly rolloutsAtOnce?: number;
  /** Time in ms from a tenth of its weight to all of it, for a replica that comes into the ring; unset: 0. */
  readonly slowStartMs?: number;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** What to remember for the next pass, if the steps are executed. */
  readonly memory: Memory;
}

/**
 * Compares the observed state with the desired one. Pure: the same values give the same plan. If a plan is
 * executed in part, the next plan does the rest.
 * @param now ms since the epoch, in Redis time.
 */
export function plan(
  observed: Observed,
  memory: Memory,
  deaths: Deaths,
  settings: PlanSettings,
  now: number,
): Plan {
  const planning = new Planning(observed, memory, deaths, settings, now);
  for (const { name } of observed.desired) planning.addDesired(name);
  for (const [name, since] of observed.retired) planning.addRetired(name, since);
  planning.addLeftovers();
  return planning.finish();
}

/** The steps that are possible without the driver's engine. The ring goes on by the leases. */
const withoutDriver: ReadonlySet<Step['do']> = new Set([
  'admit',
  'evict',
  'share',
  'offer',
  'withdraw',
  'forget',
  'disinherit',
  'restarted',
  'resume',
]);

/** One plan while it is made. */
class Planning {
  readonly #observed: Observed;
  readonly #memory: Memory;
  readonly #deaths: Deaths;
  readonly #settings: PlanSettings;
  readonly #now: number;
  /** The desired replicas that must not be started, with the reasons. */
  readonly #surplus: ReadonlyMap<string, string>;
  /** Whether a desired replica has a worker that could adopt queues. */
  readonly #serving: boolean;
  readonly #steps: Step[] = [];
  readonly #next = new Map<string, ReplicaStatus>();

  constructor(observed: Observed, memory: Memory, deaths: Deaths, settings: PlanSettings, now: number) {
    this.#observed = observed;
    this.#memory = memory;
    this.#deaths = deaths;
    this.#settings = settings;
    this.#now = now;
    this.#surplus = notStarted(observed, settings.maxReplicas ?? Infinity);
    this.#serving = observed.desired.some(({ name }) => ownLease(name, observed)?.state === 'ready');
  }

  addDesired(name: string): void {
    const observed = this.#observed;
    const now = this.#now;
    const { newName } = this.#settings;
    const own = nextStatus(this.#memory.get(name), this.#factsOf(name, false), this.#settings, now);
    // A worker that runs already goes on: the limit may have been lowered.
    const reason = own.state === 'lost' ? this.#surplus.get(name) : undefined;
    const isKeptDown = reason !== undefined;
    const status = isKeptDown ? { ...own, reason } : own;
    this.#next.set(name, status);
    const isReplaced = status.dead === true && newName !== undefined;
    if (isReplaced && !isKeptDown && isGone(name, observed)) {
      const by = this.#unusedName(newName);
      // Remembered so that the next name is another one; it lasts only if the step is executed.
      this.#next.set(by, { ...withoutDeath(status), generation: 0, since: now });
      this.#steps.push({ do: 'replace', name, by, cause: status.reason ?? 'its worker ended' });
      return;
    }
    const mayStart = !isKeptDown && !isReplaced;
    const steps = workerSteps(name, status, observed, now);
    this.#steps.push(...steps.filter((step) => step.do !== 'start' || mayStart));
    this.#steps.push(...ringSteps(name, status, observed, this.#settings, now));
    this.#steps.push(...shareSteps(name, status, observed, this.#settings, now));
    // A replica that sleeps serves its own queue, once it is woken.
    this.#steps.push(...offerSteps(name, observed, this.#serving && status.state !== 'asleep'));
    this.#steps.push(...restartSteps(name, status, observed));
  }

  /** @param since when the replica was removed, in ms since the epoch. */
  addRetired(name: string, since: number): void {
    const observed = this.#observed;
    const now = this.#now;
    const facts = this.#factsOf(name, true);
    const status = nextStatus(this.#memory.get(name), facts, this.#settings, now);
    const isServed = facts.lease !== undefined || facts.adopter !== undefined || facts.instance;
    const isIdle = !isServed && observed.backlog.get(name) === 0;
    const isInherited = hasHeir(name, observed);
    this.#steps.push(...resumeSteps(name, observed));
    this.#steps.push(...offerSteps(name, observed, isInherited || this.#serving));
    if (isIdle && now - since >= this.#settings.retiredIdleMs) {
      this.#steps.push({ do: 'forget', name, cause: 'it is removed and holds nothing' });
      return;
    }
    this.#next.set(name, status);
    if (isIdle) return;
    // A retired worker goes by itself once its queue is empty. If it dies before, others adopt the queue. It
    // is started again only if there are none, or for suspects, which no other worker may run; an heir does
    // all of that.
    const hasSuspects = (observed.suspects.get(name) ?? 0) > 0;
    const mayStart = !isInherited && (!this.#serving || hasSuspects);
    const steps = workerSteps(name, status, observed, now);
    this.#steps.push(...steps.filter((step) => step.do !== 'start' || mayStart));
  }

  /** Adds the steps for offers, heirs and workers of replicas that are gone, and the rollout. */
  addLeftovers(): void {
    const observed = this.#observed;
    for (const name of observed.offered) {
      if (!observed.backlog.has(name) && !this.#next.has(name))
        this.#steps.push({ do: 'withdraw', name, cause: 'there is no such replica' });
    }
    for (const name of observed.heirs.keys()) {
      if (!hasHeir(name, observed))
        this.#steps.push({ do: 'disinherit', name, cause: 'it or its heir is gone' });
    }
    const desired = observed.desired.filter(({ name }) => !this.#surplus.has(name));
    const { rolloutsAtOnce = 1 } = this.#settings;
    this.#steps.push(...rolloutSteps({ ...observed, desired }, this.#next, rolloutsAtOnce));
    const { sleepAfterMs = 0 } = this.#settings;
    this.#steps.push(...sleepSteps({ ...observed, desired }, this.#next, sleepAfterMs, this.#now));
    for (const { name, generation } of observed.instances) {
      if (!this.#next.has(name))
        this.#steps.push({ do: 'kill', name, generation, cause: 'there is no such replica' });
    }
  }

  finish(): Plan {
    const isPossible = (step: Step): boolean =>
      this.#observed.trouble === undefined || withoutDriver.has(step.do);
    const steps = this.#steps.filter(isPossible);
    for (const { do: what, name } of steps) {
      const status = this.#next.get(name);
      if (what === 'start' && status)
        this.#next.set(name, { ...withoutDeath(status), state: 'starting', since: this.#now });
    }
    return { steps, memory: this.#next };
  }

  #factsOf(name: string, retired: boolean): Facts {
    const observed = this.#observed;
    // One that must not be started could not be woken.
    const sleep = retired || this.#surplus.has(name) ? undefined : observed.sleepers.get(name);
    // Of a replica that sleeps, only a newer worker counts.
    const after = sleep?.generation ?? -1;
    return {
      retired,
      lease: ownLease(name, observed),
      instance: instancesOf(name, observed).some(({ generation }) => generation > after),
      starting: observed.starting.has(name),
      onStandby: observed.standbys.has(name),
      adopter: observed.leases.get(name)?.adopter,
      death: this.#deaths.get(name),
      ended: observed.ended.get(name),
      admitted: observed.ring.get(name),
      sleep,
      blind: observed.blind,
    };
  }

  #unusedName(newName: () => string): string {
    const { desired, retired, instances } = this.#observed;
    for (;;) {
      const name = newName();
      const isDesired = desired.some((member) => member.name === name);
      const runs = instances.some((instance) => instance.name === name);
      if (!isDesired && !runs && !retired.has(name) && !this.#next.has(name)) return name;
    }
  }
}
