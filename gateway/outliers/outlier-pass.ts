import { isOut } from '#shared/contract/ejection.ts';
import type { Ejection } from '#shared/contract/ejection.ts';
import type { ReplicaStatus } from '#shared/contract/replica-status.ts';
import type { Lease } from '#shared/contract/lease.ts';
import type { ObservedReplicas } from '#shared/store/ring/replica-observer.ts';
import type { RingState } from '#shared/store/ring/ring-store.ts';
import type { Comparison, ProbePair } from './comparison.ts';
import type { Confirmations } from './confirmations.ts';
import type { CountWindows } from './count-windows.ts';
import type { OutlierConfig } from './outlier-settings.ts';
import { returnStep } from './return.ts';
import { ejectionMs, mayBeOut, outliersAmong, remembered, uncomparedAmong } from './rule.ts';
import type { Verdict } from './rule.ts';

/** A change of what is noted of a replica, with its reason in words. */
export interface EjectionStep {
  readonly do: 'eject' | 'longer' | 'probe' | 'end' | 'forget';
  readonly name: string;
  /** What is noted from now on; undefined: nothing. */
  readonly ejection: Ejection | undefined;
  readonly why: string;
}

const servingStates: ReadonlySet<ReplicaStatus['state'] | undefined> = new Set(['ready', 'asleep']);

/** What the controller has observed, as far as ejections depend on it. */
export type ObservedRing = RingState & Pick<ObservedReplicas, 'leases' | 'paused'>;

export interface PassInput {
  readonly observed: ObservedRing;
  readonly memory: ReadonlyMap<string, ReplicaStatus>;
  readonly config: OutlierConfig;
  readonly windows: CountWindows;
  readonly confirmations: Confirmations;
  readonly comparison: Comparison;
  /** The replicas whose probes could not be sent, with the reasons. */
  readonly unsent: ReadonlyMap<string, string>;
  /** The last probe that this controller has sent to each replica. */
  readonly sent: ReadonlyMap<string, number>;
  /** In ms since the epoch, in Redis time. */
  readonly now: number;
  /** How long it may take until a worker's counts are known, in ms. */
  readonly reportMs: number;
}

/** What has to be done now. */
export interface PassResult {
  /** What has to change about ejections: the returns first. */
  readonly steps: EjectionStep[];
  /** Two replicas that are to be compared by a probe. */
  readonly ask: ProbePair | undefined;
}

/** Decides on ejections and returns. Pure, but for what is remembered from one pass to the next. */
export function outlierSteps(input: PassInput): PassResult {
  const returns = returnSteps(input);
  const ended = new Set(returns.filter((step) => step.do === 'end').map(({ name }) => name));
  const { steps, ask } = ejectSteps(input, ended);
  return { steps: [...returns, ...steps], ask };
}

/** @returns the steps that end all ejections, since outlier detection is off. */
export function stepsWhenOff({ ejections }: Pick<RingState, 'ejections'>): EjectionStep[] {
  return Array.from(ejections, ([name, ejection]) => ({
    do: isOut(ejection) ? 'end' : 'forget',
    name,
    ejection: undefined,
    why: 'outlier detection is off',
  }));
}

function holdOf(name: string, { drained, paused }: ObservedRing): 'drained' | 'paused' | undefined {
  if (drained.has(name)) return 'drained';
  return paused.has(name) ? 'paused' : undefined;
}

/** @returns the lease of the replica's own worker, if that takes jobs. */
function readyLease(name: string, { leases }: ObservedRing): Lease | undefined {
  const lease = leases.get(name);
  return lease?.adopter === undefined && lease?.state === 'ready' ? lease : undefined;
}

/** @returns the replicas that own keys, and whose workers take jobs. Those are compared. */
function awakeIn(input: PassInput): string[] {
  return servingIn(input).filter((name) => input.memory.get(name)?.state === 'ready');
}

/** @returns the replicas that own keys and take jobs. One that sleeps does: its next request wakes it. */
function servingIn({ observed, memory }: PassInput): string[] {
  return observed.desired
    .map(({ name }) => name)
    .filter(
      (name) =>
        observed.ring.has(name) &&
        servingStates.has(memory.get(name)?.state) &&
        holdOf(name, observed) === undefined &&
        !isOut(observed.ejections.get(name)),
    );
}

function returnSteps(input: PassInput): EjectionStep[] {
  const { observed, memory, config, unsent, sent, now, reportMs } = input;
  const othersServe = servingIn(input).length > 0;
  return [...observed.ejections].flatMap(([name, ejection]): EjectionStep[] => {
    if (!isOut(ejection)) {
      return remembered(ejection, now, config) > 0
        ? []
        : [{ do: 'forget', name, ejection: undefined, why: 'it has been healthy for long enough' }];
    }
    const lease = readyLease(name, observed);
    const seen = {
      generation: lease?.generation,
      counts: lease?.answers,
      hold: holdOf(name, observed),
      unsent: unsent.get(name),
      isSent: sent.get(name) === ejection.probe,
      isAsleep: memory.get(name)?.state === 'asleep',
      othersServe,
    };
    const step = returnStep(ejection, seen, config, now, reportMs);
    switch (step.do) {
      case 'wait':
        return [];
      case 'probe':
        return [{ do: 'probe', name, ejection: { ...ejection, probe: now }, why: step.why }];
      case 'longer': {
        const { probe: _, ...rest } = ejection;
        const count = ejection.count + 1;
        const longer = { ...rest, count, since: now, until: now + ejectionMs(count, config) };
        return [{ do: 'longer', name, ejection: longer, why: step.why }];
      }
      case 'end':
        return [
          { do: 'end', name, ejection: step.forget ? undefined : { ...ejection, ended: now }, why: step.why },
        ];
      default:
        return step satisfies never;
    }
  });
}

function ejectSteps(input: PassInput, ended: ReadonlySet<string>): PassResult {
  const { observed, config, windows, confirmations, comparison, now, reportMs } = input;
  const serving = servingIn(input);
  const awake = new Set(awakeIn(input));
  const leases = observed.desired.flatMap(({ name }) => {
    const lease = readyLease(name, observed);
    return lease === undefined
      ? []
      : [[name, { generation: lease.generation, counts: lease.answers }] as const];
  });
  const notServing = leases.map(([name]) => name).filter((name) => !awake.has(name));
  const figures = windows.observe(new Map(leases), new Set(notServing), now);
  const out = [...observed.ejections].filter(([name, each]) => isOut(each) && !ended.has(name));
  const failingOut = out.filter(([, { cause }]) => cause !== 'slow').length;
  const uncompared = uncomparedAmong(figures, config);
  const others = [...awake, ...serving.filter((name) => !awake.has(name))];
  const { ask, proof } = comparison.next(
    uncompared,
    others.filter((name) => name !== uncompared?.name),
    (name) => readyLease(name, observed)?.answers,
    now,
    reportMs,
  );
  const found = outliersAmong(figures, failingOut, config, proof);
  const verdicts = confirmations.confirmed(found, now, reportMs);
  const room = Math.max(0, mayBeOut(serving.length + out.length, config) - out.length);
  const steps = verdicts.slice(0, room).map((verdict) => ({
    do: 'eject' as const,
    name: verdict.name,
    ejection: ejectionOf(verdict, remembered(observed.ejections.get(verdict.name), now, config) + 1, input),
    why: verdict.detail,
  }));
  return { steps, ask };
}

function ejectionOf(
  { cause, detail, generation, limitMs }: Verdict,
  count: number,
  { config, now }: PassInput,
): Ejection {
  const until = now + ejectionMs(count, config);
  return {
    count,
    cause,
    detail,
    generation,
    since: now,
    until,
    ...(limitMs === undefined ? {} : { limitMs }),
  };
}
