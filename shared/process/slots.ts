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

  /** Acquires a slot if one is free, synchronously. */
  tryAcquire(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Acquires a slot, and waits for one if none is free. Slots are passed on in the order of the calls. */
  acquire(): Promise<void> {
    if (this.tryAcquire()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Releases a slot, or passes it to the caller that has waited longest. */
  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
