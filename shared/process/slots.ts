/** Limits how many requests a worker runs at once, those of its own queue and of adopted queues together. */
export class Slots {
  readonly #count: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param count at least 1. */
  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** How many slots are taken. */
  get taken(): number {
    return this.#count - this.#free;
  }

  /** Takes a slot if one is free, synchronously. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Takes a slot, and waits for one if none is free. Slots are given in the order of the calls. */
  take(): Promise<void> {
    if (this.tryTake()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Releases a slot, or passes it to the caller that has waited longest. */
  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
