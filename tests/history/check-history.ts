/**
 * Holds a protocol trace against the rules of the guarantees. It knows nothing of files, clocks or processes:
 * events go in, in the order of their times, and violations come out.
 */
import type { TracedEvent } from '#shared/trace/protocol-event.ts';
import { History } from './history.ts';
import type { Finding } from './rule.ts';
import { ruleNames, rules } from './rules/all.ts';
import type { RuleName } from './rules/all.ts';

/** A rule that a history does not meet. */
export interface Violation extends Finding {
  readonly rule: RuleName;
  /** When it became known, in us. */
  readonly at: number;
}

/** What came of a check. */
export interface HistoryVerdict {
  readonly events: number;
  readonly requests: number;
  /** How often a handler was called. */
  readonly begun: number;
  readonly violations: readonly Violation[];
  /** Findings that a fault of Redis explains: it lost a write that it had acknowledged. */
  readonly excused: readonly Violation[];
}

/** Redis may lose what it got so long before a fault, in us: it writes its file every second. */
const lossUs = 2_000_000;

/** A time in which Redis may lose writes. */
interface Fault {
  readonly from: number;
  to: number;
}

/**
 * Checks a history while it grows. Its memory grows by a few hundred bytes for each request.
 *
 * @example
 * const checker = new HistoryChecker();
 * for (const event of events) checker.add(event);
 * const { violations } = checker.end();
 */
export class HistoryChecker {
  readonly #history = new History();
  readonly #found: Violation[] = [];
  readonly #faults: Fault[] = [];
  #events = 0;
  #begun = 0;

  /** @param event the next one; its time is not before that of the last one. */
  add(event: TracedEvent): void {
    this.#events += 1;
    if (event.kind === 'begun') this.#begun += 1;
    if (event.kind === 'redis.fault') this.#fault(event.at, event.ended);
    const step = this.#history.add(event);
    for (const name of ruleNames)
      this.#report(name, event.at, rules[name].look?.(event, step, this.#history));
  }

  /** Ends the history: what has no end by now has none. @returns what was found. */
  end(): HistoryVerdict {
    const { now, requests } = this.#history;
    for (const name of ruleNames) this.#report(name, now, rules[name].end?.(this.#history));
    const excused = this.#found.filter((each) => this.#isExcused(each));
    return {
      events: this.#events,
      requests: requests.size,
      begun: this.#begun,
      violations: this.#found.filter((each) => !excused.includes(each)),
      excused,
    };
  }

  #report(rule: RuleName, at: number, findings: Iterable<Finding> | undefined): void {
    for (const finding of findings ?? []) this.#found.push({ rule, at, ...finding });
  }

  #fault(at: number, ended: boolean): void {
    const open = this.#faults.findLast(({ to }) => to === Number.POSITIVE_INFINITY);
    if (ended && open !== undefined) open.to = at;
    else if (!ended) this.#faults.push({ from: at, to: Number.POSITIVE_INFINITY });
  }

  #isExcused({ dependsOn, at }: Violation): boolean {
    if (dependsOn === undefined) return false;
    return this.#faults.some(({ from, to }) => dependsOn >= from - lossUs && dependsOn <= to && at >= from);
  }
}

/**
 * @param events in any order; each has the time of one clock.
 * @returns what {@link HistoryChecker} finds in all of them.
 */
export function checkHistory(events: Iterable<TracedEvent>): HistoryVerdict {
  const checker = new HistoryChecker();
  // The order of the events of one source is kept, also if they have the same time.
  for (const event of [...events].toSorted((one, other) => one.at - other.at)) checker.add(event);
  return checker.end();
}

/** @returns a violation as one line. */
export function violationLine({ rule, of, why }: Violation): string {
  return `${rule}: ${of}: ${why}`;
}
