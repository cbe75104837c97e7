import { LoadHistory } from '../../gateway/autoscale/load-history.ts';
import type { ReplicaLoad } from '../../gateway/autoscale/load.ts';
import { decide } from '../../gateway/autoscale/rule.ts';
import { ruleTimes, target } from '../../gateway/settings/autoscale-rule.ts';

/** What a rule sees, every two seconds. */
export interface Seen {
  /** In seconds. */
  readonly at: number;
  /** The replicas that there are, also those that start, in the order in which they joined. */
  readonly replicas: readonly ReplicaLoad[];
}

/** A rule for the number of replicas. */
export interface Scaler {
  readonly name: string;
  /** @returns how many replicas there are to be. */
  next(seen: Seen): number;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Makes a rule that has seen nothing yet. */
export type MakeScaler = (range: Range) => Scaler;

const clamp = (count: number, { min, max }: Range): number => Math.min(Math.max(count, min), max);
const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);
const serving = (replicas: readonly ReplicaLoad[]): ReplicaLoad[] => replicas.filter((each) => each.serving);

/** Values with their times in seconds. */
class Window {
  readonly #seconds: number;
  #values: { readonly at: number; readonly value: number }[] = [];

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  add(at: number, value: number): void {
    this.#values = [...this.#values.filter((each) => each.at > at - this.#seconds), { at, value }];
  }

  get mean(): number {
    return sum(this.#values.map(({ value }) => value)) / this.#values.length;
  }

  get highest(): number {
    return Math.max(...this.#values.map(({ value }) => value));
  }

  get lowest(): number {
    return Math.min(...this.#values.map(({ value }) => value));
  }
}

/** The rule of ringpost itself: the same code. */
export const ringpost: MakeScaler = (range) => {
  const history = new LoadHistory(ruleTimes);
  let changedAt = -Infinity;
  return {
    name: 'ringpost',
    next({ at, replicas }) {
      const counted = replicas.length;
      const load = history.add({ at: at * 1000, replicas }, counted);
      const last = replicas.at(-1);
      const standing = {
        desired: counted,
        counted,
        serving: serving(replicas).length,
        last,
        unchangedMs: (at - changedAt) * 1000,
      };
      const { kind, by } = decide(load, standing, { ...range, times: ruleTimes });
      if (kind === 'stay') return counted;
      changedAt = at;
      return kind === 'up' ? counted + by : counted - by;
    },
  };
};

/**
 * Kubernetes' HorizontalPodAutoscaler with its defaults: every 15 s, tolerance 0.1, 300 s of stabilisation
 * before it removes, at most twice as many or 4 more in 15 s. Its metric is the utilisation. Source:
 * kubernetes.io, "Horizontal Pod Autoscaling", algorithm details.
 */
export const hpa: MakeScaler = (range) => {
  const metric = new Window(15);
  const wishes = new Window(300);
  let nextAt = 15;
  return {
    name: 'HPA',
    next({ at, replicas }) {
      const current = replicas.length;
      // Those that start count as idle if that makes it add less.
      metric.add(at, sum(serving(replicas).map(({ utilisation }) => utilisation)) / current);
      if (at < nextAt) return current;
      nextAt = at + 15;
      const ratio = metric.mean / target;
      const wished = Math.abs(ratio - 1) <= 0.1 ? current : clamp(Math.ceil(current * ratio), range);
      wishes.add(at, wished);
      if (wished > current) return Math.min(wished, Math.max(2 * current, current + 4));
      return Math.min(current, wishes.highest);
    },
  };
};

/**
 * Knative's KPA with its defaults: the mean concurrency of 60 s; panic for 60 s if that of 6 s wants twice as
 * many; no removal in panic; at most half removed at a time. Source: knative.dev, "Additional autoscaling
 * configuration for Knative Pod Autoscaler".
 */
export const kpa: MakeScaler = (range) => {
  const stable = new Window(60);
  const recent = new Window(6);
  let panicUntil = -Infinity;
  return {
    name: 'KPA',
    next({ at, replicas }) {
      const current = replicas.length;
      const ready = Math.max(1, serving(replicas).length);
      const jobs = sum(replicas.map((each) => each.jobs / each.concurrency));
      stable.add(at, jobs);
      recent.add(at, jobs);
      const [wanted, inPanic] = [stable.mean / target, recent.mean / target];
      if (inPanic >= 2 * ready) panicUntil = at + 60;
      if (at < panicUntil) return clamp(Math.max(current, Math.ceil(inPanic)), range);
      return clamp(Math.max(Math.ceil(wanted), Math.floor(ready / 2)), range);
    },
  };
};

/**
 * OpenFaaS's community rule: while an alert fires, 20 % of the maximum are added every 30 s. When it ends,
 * all but the minimum are removed. The alert is made one about the utilisation. That of OpenFaaS, more than
 * five requests per second, would always fire here. Source: docs.openfaas.com, "Auto-scaling your
 * functions".
 */
export const openFaas: MakeScaler = (range) => {
  const recent = new Window(6);
  let firedAt = -Infinity;
  return {
    name: 'OpenFaaS',
    next({ at, replicas }) {
      const current = replicas.length;
      const ready = serving(replicas);
      recent.add(at, sum(ready.map(({ utilisation }) => utilisation)) / Math.max(1, ready.length));
      // It fires once it has been true for 5 s, and ends once it has been false for as long.
      const fires = recent.lowest > target;
      if (fires && at - firedAt >= 30) {
        firedAt = at;
        return clamp(current + Math.ceil(0.2 * range.max), range);
      }
      return recent.highest <= target ? range.min : current;
    },
  };
};

export const scalers: readonly MakeScaler[] = [ringpost, hpa, kpa, openFaas];
