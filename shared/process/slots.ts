/** Bounds how many requests a worker runs at once, of its own queue and of adopted ones together. */
export class Slots {
  readonly #count: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param count at least 1. */
  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** Requests that run now. */
  get taken(): number {
    return this.#count - this.#free;
  }

  /** Takes a slot where one is free, without a turn of the event loop. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** @returns once a slot is taken; those who came first get one first. */
  take(): Promise<void> {
    if (this.tryTake()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives a slot back, or on to the one who has waited longest. */
  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
