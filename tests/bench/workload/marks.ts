const maxNumber = 2 ** 31;

/** The numbers of a run that were executed, one bit each, and the count of all executions. */
export class Marks {
  #bits = Buffer.alloc(4096);
  #end = 0;
  #executions = 0;

  get executions(): number {
    return this.#executions;
  }

  /** @throws RangeError if the number cannot be that of a request. */
  add(number: number): void {
    if (!Number.isInteger(number) || number < 0 || number >= maxNumber) {
      throw new RangeError(`${number} is not the number of a request`);
    }
    const at = number >> 3;
    if (at >= this.#bits.length) {
      const grown = Buffer.alloc(Math.max(at + 1, this.#bits.length * 2));
      this.#bits.copy(grown);
      this.#bits = grown;
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (number & 7));
    this.#end = Math.max(this.#end, at + 1);
    this.#executions += 1;
  }

  toJSON(): MarksJson {
    return { executions: this.#executions, bits: this.#bits.toString('base64', 0, this.#end) };
  }
}

/** What a worker reports about a run. */
export interface MarksJson {
  readonly executions: number;
  /** Bit n is set if request n was executed. */
  readonly bits: string;
}

/** The reports of all workers together. */
export interface Executed {
  readonly executions: number;
  /** The number of different requests. */
  readonly distinct: number;
}

/** Merges the reports of the workers. A request that two of them executed counts once in `distinct`. */
export function mergeMarks(all: readonly MarksJson[]): Executed {
  const bits = all.map((each) => Buffer.from(each.bits, 'base64'));
  const length = Math.max(0, ...bits.map((each) => each.length));
  let distinct = 0;
  for (let at = 0; at < length; at += 1) {
    let byte = bits.reduce((sum, each) => sum | (each[at] ?? 0), 0);
    for (; byte !== 0; byte &= byte - 1) distinct += 1;
  }
  return { executions: all.reduce((sum, each) => sum + each.executions, 0), distinct };
}
