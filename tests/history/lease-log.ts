/** The time in which one worker had the lease of a replica, as the trace shows it. Times are in us. */
export interface Holding {
  readonly replica: string;
  readonly fence: number;
  readonly holder: string;
  /** Between these two Redis gave the lease. */
  readonly takenFrom: number;
  readonly takenTo: number;
  /** Until then the worker believes that it has it. */
  certainUntil: number;
  /** When its end was first asked for; infinite if it was not. */
  endedFrom: number;
}

/** Who had the lease of which replica, and when. */
export class LeaseLog {
  readonly #of = new Map<string, Holding[]>();

  /** @returns all holdings of a replica, in the order in which they became known. */
  of(replica: string): readonly Holding[] {
    return this.#of.get(replica) ?? [];
  }

  find(replica: string, fence: number): Holding | undefined {
    return this.of(replica).find((holding) => holding.fence === fence);
  }

  add(holding: Holding): void {
    const known = this.#of.get(holding.replica);
    if (known === undefined) this.#of.set(holding.replica, [holding]);
    else known.push(holding);
  }

  /** The end of a lease was asked for; whether it was the holder's is not known yet. */
  end(replica: string, holder: string, at: number): void {
    for (const holding of this.of(replica)) {
      if (holding.holder === holder) holding.endedFrom = Math.min(holding.endedFrom, at);
    }
  }

  /** @returns the holding that certainly superseded this fence before a time; undefined if none did. */
  supersededBefore(replica: string, fence: number, at: number): Holding | undefined {
    return this.of(replica).find((other) => other.fence > fence && other.takenTo < at);
  }

  /** Whether the worker with this fence may have been without its lease at a time. */
  mayBeOver(replica: string, fence: number, at: number): boolean {
    const holding = this.find(replica, fence);
    if (holding === undefined) return true;
    if (holding.endedFrom <= at || holding.certainUntil <= at) return true;
    return this.of(replica).some((other) => other.fence > fence && other.takenFrom <= at);
  }
}
