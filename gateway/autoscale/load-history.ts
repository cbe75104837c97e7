import { windowLoad } from './load.ts';
import type { LoadSample, WindowLoad } from './load.ts';
import { burstFactor } from '../settings/autoscale-rule.ts';
import type { RuleTimes } from '../settings/autoscale-rule.ts';

/** What is known of the load now. */
export interface SeenLoad {
  /** Undefined until a whole short window has been seen. */
  readonly short: WindowLoad | undefined;
  /** Of the long window, or of the part of it that has been seen. */
  readonly long: WindowLoad;
  /** The highest number of replicas that was wanted; undefined until `downMs` have been seen. */
  readonly highest: number | undefined;
  /** For how long the load has been seen without a gap, in ms. */
  readonly seenMs: number;
}

/** Samples may be so many ticks apart. What comes after a longer gap begins anew. */
const maxGapTicks = 5;

/**
 * Remembers the load for as long as the rule needs it. It is only in the memory of the leading controller: a
 * new leader has seen nothing yet.
 */
export class LoadHistory {
  readonly #times: RuleTimes;
  #samples: LoadSample[] = [];
  #wanted: { readonly at: number; readonly wanted: number }[] = [];
  #since = 0;

  constructor(times: RuleTimes) {
    this.#times = times;
  }

  /**
   * Adds a sample, which is later than those before.
   * @param counted the number of replicas that count now: a burst is measured by it.
   */
  add(sample: LoadSample, counted: number): SeenLoad {
    const { tickMs, shortMs, longMs, downMs } = this.#times;
    const last = this.#samples.at(-1)?.at;
    if (last === undefined || sample.at - last > maxGapTicks * tickMs) this.#begin(sample.at);
    this.#samples = within([...this.#samples, sample], sample.at - longMs);
    const seenMs = sample.at - this.#since;
    const long = windowLoad(this.#samples);
    const recent = windowLoad(within(this.#samples, sample.at - shortMs));
    const short = seenMs >= shortMs ? recent : undefined;
    const isBurst = short !== undefined && short.wanted >= burstFactor * counted;
    const wanted = isBurst ? Math.max(short.wanted, long.wanted) : long.wanted;
    this.#wanted = within([...this.#wanted, { at: sample.at, wanted }], sample.at - downMs);
    const highest = Math.max(...this.#wanted.map((each) => each.wanted));
    return { short, long, highest: seenMs >= downMs ? highest : undefined, seenMs };
  }

  #begin(at: number): void {
    this.#samples = [];
    this.#wanted = [];
    this.#since = at;
  }
}

function within<Timed extends { readonly at: number }>(items: readonly Timed[], from: number): Timed[] {
  return items.filter(({ at }) => at > from);
}
