import type { AnswerCounts } from '#shared/contract/answer-counts.ts';
import type { ReplicaFigures } from './rule.ts';

const nothing: AnswerCounts = {
  answered: 0,
  failed: 0,
  failedInRow: 0,
  keysFailed: 0,
  gatewayFailedInRow: 0,
  keysGatewayFailed: 0,
  probe: 0,
  probeMs: 0,
  times: [],
};

/** What is remembered of a worker's counts. */
interface Known {
  readonly generation: number;
  /** Where counting begins: what failed before does not count. */
  readonly base: AnswerCounts;
  /** At the beginning of the interval before, and of this one. */
  readonly previous: AnswerCounts;
  readonly current: AnswerCounts;
}

/** Makes figures of the present out of counts that only grow, as long as a worker lives. */
export class CountWindows {
  readonly #intervalMs: number;
  readonly #known = new Map<string, Known>();
  #begun: number | undefined;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /**
   * @param workers the generation and the counts of each serving replica's worker; its counts are undefined
   * until it has counted something.
   * @param out the same of the replicas that do not serve. What they count until they serve again does not
   * count.
   * @param now in ms.
   */
  observe(
    workers: ReadonlyMap<string, { readonly generation: number; readonly counts: AnswerCounts | undefined }>,
    out: ReadonlySet<string>,
    now: number,
  ): ReplicaFigures[] {
    // A clock that was set back begins another interval.
    const elapsedMs = this.#begun === undefined ? Infinity : Math.abs(now - this.#begun);
    const isOver = elapsedMs >= this.#intervalMs;
    const isWhole = isOver && elapsedMs < 2 * this.#intervalMs;
    if (isOver) this.#begun = now;
    for (const name of this.#known.keys()) if (!workers.has(name)) this.#known.delete(name);
    const figures: ReplicaFigures[] = [];
    for (const [name, { generation, counts = nothing }] of workers) {
      const known = out.has(name) ? undefined : this.#stillKnown(name, generation, counts);
      const { base, previous, current } = known ?? { base: counts, previous: counts, current: counts };
      const isNew = known === undefined;
      this.#known.set(name, {
        generation,
        base,
        previous: isOver ? current : previous,
        current: isOver ? counts : current,
      });
      if (out.has(name)) continue;
      const sinceBase = counts.answered - base.answered;
      figures.push({
        name,
        generation,
        answered: counts.answered - previous.answered,
        failed: Math.max(0, counts.failed - previous.failed),
        failedInRow: Math.min(counts.failedInRow, sinceBase),
        keysFailed: counts.keysFailed,
        gatewayFailedInRow: Math.min(counts.gatewayFailedInRow, sinceBase),
        keysGatewayFailed: counts.keysGatewayFailed,
        times: isWhole && !isNew ? difference(counts.times, current.times) : [],
      });
    }
    return figures;
  }

  /** @returns undefined if nothing is known of the replica, so that counting begins now. */
  #stillKnown(name: string, generation: number, counts: AnswerCounts): Known | undefined {
    const known = this.#known.get(name);
    if (known === undefined) return undefined;
    const isSame = known.generation === generation && counts.answered >= known.current.answered;
    // A new worker begins to count at 0.
    return isSame ? known : { generation, base: nothing, previous: nothing, current: nothing };
  }
}

function difference(now: readonly number[], before: readonly number[]): number[] {
  return now.map((count, at) => Math.max(0, count - (before[at] ?? 0)));
}
