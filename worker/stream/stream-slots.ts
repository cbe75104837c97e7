/** Leave for one stream. */
export interface StreamSlot {
  /** Gives it back. Safe to call twice. */
  release(): void;
}

/** Limits how many streams a worker sends at once, those of its own queue and of adopted queues together. */
export class StreamSlots {
  readonly #count: number;
  #taken = 0;
  /** Those that wait, the one that has waited longest first. */
  readonly #waiting = new Set<(slot: StreamSlot) => void>();

  /** @param count at least 1 (`STREAM_CONCURRENCY`). */
  constructor(count: number) {
    this.#count = count;
  }

  /** How many streams are sent. */
  get taken(): number {
    return this.#taken;
  }

  /** How many answers wait for a slot. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @returns a slot; undefined if none is free. */
  tryAcquire(): StreamSlot | undefined {
    if (this.#taken >= this.#count) return undefined;
    this.#taken += 1;
    return this.#slot();
  }

  /**
   * Waits for a slot. Slots are passed on in the order of the calls.
   * @param signal ends the wait.
   * @returns the slot; undefined if the signal fired first.
   */
  acquire(signal: AbortSignal): Promise<StreamSlot | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const slot = this.tryAcquire();
    if (slot !== undefined) return Promise.resolve(slot);
    return new Promise((resolve) => {
      const onSlot = (passed: StreamSlot): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(passed);
      };
      const onAbort = (): void => {
        this.#waiting.delete(onSlot);
        resolve(undefined);
      };
      this.#waiting.add(onSlot);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #slot(): StreamSlot {
    let isTaken = true;
    return {
      release: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#passOn();
      },
    };
  }

  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#taken -= 1;
      return;
    }
    this.#waiting.delete(next);
    next(this.#slot());
  }
}
