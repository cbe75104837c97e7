/** A replica of the simulation: a queue, first come first served, with some slots. Times are in seconds. */
export class SimulatedReplica {
  readonly name: string;
  /** When it takes requests. */
  readonly readyAt: number;
  /** When each slot is free. */
  readonly #freeAt: number[];
  #pending: { readonly begin: number; readonly end: number }[] = [];
  #lastEnd = 0;

  constructor(name: string, slots: number, readyAt: number) {
    this.name = name;
    this.readyAt = readyAt;
    this.#freeAt = Array.from({ length: slots }, () => readyAt);
  }

  /** Adds a request that takes `service` seconds. @returns how long it waits. */
  add(at: number, service: number): number {
    const slots = this.#freeAt;
    let first = 0;
    for (let slot = 1; slot < slots.length; slot += 1)
      if ((slots[slot] ?? 0) < (slots[first] ?? 0)) first = slot;
    const begin = Math.max(at, slots[first] ?? 0);
    const end = begin + service;
    slots[first] = end;
    this.#pending.push({ begin, end });
    this.#lastEnd = Math.max(this.#lastEnd, end);
    return begin - at;
  }

  /** @returns its requests at that time, which is later than at the calls before. */
  countAt(at: number): { readonly active: number; readonly waiting: number } {
    this.#pending = this.#pending.filter(({ end }) => end > at);
    const active = this.#pending.filter(({ begin }) => begin <= at).length;
    return { active, waiting: this.#pending.length - active };
  }

  /** @returns when the last of its requests ends. */
  get lastEnd(): number {
    return this.#lastEnd;
  }
}
