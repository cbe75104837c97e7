import type { Lease } from '#shared/contract/lease.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import { beyondLimit } from './limit.ts';
import type { Observed } from './observe.ts';
import { backoffMs, nextStatus, withoutDeath } from './replica-state.ts';
import type { Facts } from './replica-state.ts';

/**
 * One thing to do. Each carries its cause, for logs and for whoever reads a plan.
 *
 * start: a worker for a replica that has none. standby: a second worker, which waits for the first one's lease.
 * retire: end a worker after it has finished what it holds. kill: end a worker at once. admit, evict: into the ring
 * and out of it. offer, withdraw: a queue up for adoption by live workers, and back. forget: all that is left of a
 * removed replica. replace: a dead replica by a new one, which inherits its queue. disinherit: a queue whose heir is gone.
 */
export type Step =
  | { readonly do: 'start'; readonly name: string; readonly cause: string }
  | { readonly do: 'standby'; readonly name: string; readonly cause: string }
  | { readonly do: 'retire'; readonly name: string; readonly generation: number; readonly cause: string }
  | { readonly do: 'kill'; readonly name: string; readonly generation: number; readonly cause: string }
  | { readonly do: 'admit'; readonly name: string; readonly generation: number; readonly cause: string }
  | { readonly do: 'evict'; readonly name: string; readonly cause: string }
  | { readonly do: 'offer'; readonly name: string; readonly cause: string }
  | { readonly do: 'withdraw'; readonly name: string; readonly cause: string }
  | { readonly do: 'forget'; readonly name: string; readonly cause: string }
  | { readonly do: 'replace'; readonly name: string; readonly by: string; readonly cause: string }
  | { readonly do: 'disinherit'; readonly name: string; readonly cause: string };

/** What the controller remembers of each replica from one pass to the next. */
export type Memory = ReadonlyMap<string, ReplicaStatus>;

/** Deaths that drivers have told of since the last pass: why each replica's worker ended. */
export type Deaths = ReadonlyMap<string, string>;

export interface PlanSettings {
  /** Time in ms that a lost replica keeps its place in the ring. */
  readonly failoverMs: number;
  /** Time in ms that a worker may take to be ready. */
  readonly startTimeoutMs: number;
  /** Time in ms that a retired replica's queue has to have been empty. */
  readonly retiredQuietMs: number;
  /** Replicas that may be started; unset: all that are desired. */
  readonly maxReplicas?: number;
  /** Makes the name of a replica that replaces a dead one; unset: it has the dead one's. */
  readonly newName?: (() => string) | undefined;
  /** Whether a new worker may be started for an outdated one now; unset: it may. */
  readonly mayRenew?: boolean;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** What to remember for the next pass, if the steps are carried out. */
  readonly memory: Memory;
}

/**
 * Compares what is with what shall be. Pure: the same values give the same plan, and carrying a plan out in part
 * leads to a state from which the next plan does the rest.
 * @param now ms since the epoch by Redis's clock.
 */
export function plan(
  observed: Observed,
  memory: Memory,
  deaths: Deaths,
  settings: PlanSettings,
  now: number,
): Plan {
  const steps: Step[] = [];
  const next = new Map<string, ReplicaStatus>();
  const factsOf = (name: string, retired: boolean): Facts => ({
    retired,
    lease: ownLease(name, observed),
    instance: observed.instances.some((instance) => instance.name === name),
    beginning: observed.beginning.has(name),
    standsBy: observed.standbys.has(name),
    adopter: observed.leases.get(name)?.adopter,
    death: deaths.get(name),
    ended: observed.ended.get(name),
    admitted: observed.ring.get(name),
    blind: observed.blind,
  });
  const { maxReplicas = Infinity } = settings;
  const surplus = beyondLimit(observed.desired, maxReplicas);
  const serving = observed.desired.filter(({ name }) => ownLease(name, observed)?.state === 'ready');

  for (const { name } of observed.desired) {
    const own = nextStatus(memory.get(name), factsOf(name, false), settings, now);
    // One that runs already goes on: the limit may have been lowered.
    const kept = surplus.has(name) && own.state === 'lost';
    const status = kept
      ? { ...own, reason: `MAX_REPLICAS is ${maxReplicas}, and older ones come first` }
      : own;
    next.set(name, status);
    const renamed = status.dead === true && settings.newName !== undefined;
    if (renamed && !kept && isGone(name, observed)) {
      const by = unusedName(settings.newName, observed, next);
      // Memory of the name, so that the next one is another; it holds only if the step is carried out.
      next.set(by, { ...withoutDeath(status), generation: 0, since: now });
      steps.push({ do: 'replace', name, by, cause: status.reason ?? 'its worker ended' });
      continue;
    }
    steps.push(
      ...workerSteps(name, status, observed, now).filter(
        ({ do: what }) => what !== 'start' || !(kept || renamed),
      ),
    );
    steps.push(...ringSteps(name, status, observed, settings, now));
    steps.push(...offerSteps(name, observed, serving.length > 0));
  }
  for (const [name, at] of observed.retired) {
    const facts = factsOf(name, true);
    const status = nextStatus(memory.get(name), facts, settings, now);
    const unserved = facts.lease === undefined && facts.adopter === undefined && !facts.instance;
    const idle = unserved && observed.backlog.get(name) === 0;
    const inherited = hasHeir(name, observed);
    steps.push(...offerSteps(name, observed, inherited || serving.length > 0));
    if (idle && now - at >= settings.retiredQuietMs) {
      steps.push({ do: 'forget', name, cause: 'it is removed and holds nothing' });
      continue;
    }
    next.set(name, status);
    // A retired worker goes by itself when its queue is empty. If it dies before, others adopt the queue. It is needed
    // again only if there are none, or for suspects, which no other worker may run; an heir does all of that.
    const alone = !inherited && (serving.length === 0 || (observed.suspects.get(name) ?? 0) > 0);
    const needed = workerSteps(name, status, observed, now).filter((step) => step.do !== 'start' || alone);
    if (!idle) steps.push(...needed);
  }
  for (const name of observed.offered) {
    if (!observed.backlog.has(name) && !next.has(name))
      steps.push({ do: 'withdraw', name, cause: 'there is no such replica' });
  }
  for (const name of observed.heirs.keys()) {
    if (!hasHeir(name, observed)) steps.push({ do: 'disinherit', name, cause: 'it or its heir is gone' });
  }
  const within = observed.desired.filter(({ name }) => !surplus.has(name));
  steps.push(...renewalSteps({ ...observed, desired: within }, next, settings.mayRenew ?? true));
  // A worker of a replica that is neither desired nor retired is a leftover.
  for (const { name, generation } of observed.instances) {
    if (!next.has(name)) steps.push({ do: 'kill', name, generation, cause: 'there is no such replica' });
  }
  // Without its engine nothing can be started or ended; the ring goes on by the leases.
  const possible =
    observed.trouble === undefined ? steps : steps.filter(({ do: what }) => withoutDriver.has(what));
  // Starting sets the state for the next pass: `starting` since now.
  for (const { do: what, name } of possible) {
    const status = next.get(name);
    if (what === 'start' && status)
      next.set(name, { ...withoutDeath(status), state: 'starting', since: now });
  }
  return { steps: possible, memory: next };
}

const withoutDriver: ReadonlySet<Step['do']> = new Set([
  'admit',
  'evict',
  'offer',
  'withdraw',
  'forget',
  'disinherit',
]);

/** @returns whether nothing of a replica's own worker is left, and none is on its way. */
function isGone(name: string, observed: Observed): boolean {
  const { instances, beginning, standbys } = observed;
  const own = ownLease(name, observed) !== undefined || standbys.has(name) || beginning.has(name);
  return !own && instances.every((instance) => instance.name !== name);
}

function unusedName(
  newName: () => string,
  { desired, retired, instances }: Observed,
  memory: Memory,
): string {
  for (;;) {
    const name = newName();
    const desiredNow = desired.some((member) => member.name === name);
    const runs = instances.some((instance) => instance.name === name);
    if (!desiredNow && !runs && !retired.has(name) && !memory.has(name)) return name;
  }
}

/** @returns whether a retired replica was replaced, and the replacement is still there to adopt its queue. */
function hasHeir(name: string, { heirs, retired, desired }: Observed): boolean {
  const heir = heirs.get(name);
  return heir !== undefined && retired.has(name) && desired.some((member) => member.name === heir);
}

/** The lease of the replica's own worker; that of an adopter says nothing of it. */
function ownLease(name: string, { leases }: Observed): Lease | undefined {
  const lease = leases.get(name);
  return lease?.adopter === undefined ? lease : undefined;
}

function workerSteps(name: string, status: ReplicaStatus, observed: Observed, now: number): Step[] {
  const instances = observed.instances.filter((instance) => instance.name === name);
  const lease = ownLease(name, observed);
  const standby = observed.standbys.get(name);
  const kill = (cause: string): Step[] =>
    instances
      .filter(({ generation }) => generation !== standby)
      .map(({ generation }) => ({ do: 'kill', name, generation, cause }));
  switch (status.state) {
    case 'starting':
      return [];
    case 'ready':
    case 'draining':
      return lease === undefined ? [] : superfluous(name, lease.generation, observed);
    case 'lost': {
      if (lease?.state === 'leaving') return [];
      const cause = status.reason ?? 'no worker runs';
      // A worker that hangs, or came too late, is ended first. One that waits for the lease takes it then.
      if (instances.length > 0) return kill(cause);
      const waits = lease !== undefined || now - status.since < backoffMs(status.failures);
      return waits ? [] : [{ do: 'start', name, cause }];
    }
    default:
      return status.state satisfies never;
  }
}

/** Started by two controllers at once: the worker that came second would wait for the lease for ever. */
function superfluous(name: string, holder: number, { instances }: Observed): Step[] {
  const own = instances.filter((instance) => instance.name === name);
  const renewing = own.some(({ generation, outdated }) => generation === holder && outdated);
  if (renewing) return [];
  return own
    .filter(({ generation }) => generation !== holder)
    .map(({ generation }) => ({
      do: 'kill',
      name,
      generation,
      cause: `generation ${holder} holds the lease`,
    }));
}

/**
 * Replaces workers that were started from settings or an image of before, one replica at a time, and only while all
 * replicas are ready: the new worker is ready to take over before the old one is told to go.
 */
function renewalSteps(observed: Observed, statuses: Memory, mayBegin: boolean): Step[] {
  const { desired, instances, leases, standbys } = observed;
  if (!desired.every(({ name }) => statuses.get(name)?.state === 'ready')) return [];
  const old = desired.flatMap(({ name }) => {
    const holder = leases.get(name)?.generation;
    return instances.filter((each) => each.name === name && each.generation === holder && each.outdated);
  });
  const cause = 'it was started from another configuration';
  const renewed = old.find(({ name }) => instances.filter((each) => each.name === name).length > 1) ?? old[0];
  if (renewed === undefined) return [];
  const { name, generation } = renewed;
  const next = instances.find((each) => each.name === name && each.generation > generation);
  if (next === undefined) return mayBegin ? [{ do: 'standby', name, cause }] : [];
  return standbys.get(name) === next.generation ? [{ do: 'retire', name, generation, cause }] : [];
}

function ringSteps(
  name: string,
  status: ReplicaStatus,
  observed: Observed,
  settings: PlanSettings,
  now: number,
): Step[] {
  const admitted = observed.ring.get(name);
  if (status.state === 'ready') {
    const { generation } = status;
    return admitted === generation || ownLease(name, observed) === undefined
      ? []
      : [{ do: 'admit', name, generation, cause: 'it is ready' }];
  }
  const gone = status.lostAt === undefined ? 0 : now - status.lostAt;
  return admitted !== undefined && gone > settings.failoverMs
    ? [{ do: 'evict', name, cause: `not ready for more than ${settings.failoverMs} ms` }]
    : [];
}

/**
 * Puts the queue of a replica that is out of the ring up for adoption while it holds something that nobody serves, and
 * leaves it so while an adopter does.
 * @param possible whether there is a live worker that could adopt it.
 */
function offerSteps(name: string, observed: Observed, possible: boolean): Step[] {
  const lease = observed.leases.get(name);
  const offered = observed.offered.has(name);
  const held = observed.backlog.get(name) ?? 0;
  const unserved = lease === undefined && held > 0;
  const wanted = possible && !observed.ring.has(name) && (unserved || lease?.adopter !== undefined);
  if (wanted && !offered) return [{ do: 'offer', name, cause: `nobody serves the ${held} jobs it holds` }];
  if (offered && !wanted) return [{ do: 'withdraw', name, cause: 'it is served, or holds nothing' }];
  return [];
}

/** @returns the step as one line, for logs and tests, e.g. `start S2: killed by SIGKILL`. */
export function renderStep(step: Step): string {
  const more = 'by' in step ? ` by ${step.by}` : '';
  const which = 'generation' in step ? `${step.name}#${step.generation}` : `${step.name}${more}`;
  return `${step.do} ${which}: ${step.cause}`;
}
