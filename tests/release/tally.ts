/** Counts checks, and says how each went. */
export class Tally {
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  get failed(): number {
    return this.#failed;
  }

  /** The last line of a suite. */
  get line(): string {
    return `${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped`;
  }

  /** Runs a check. @param check throws if something is wrong, and may return a note. */
  async check(name: string, check: () => Promise<string | void> | string | void): Promise<void> {
    const since = performance.now();
    try {
      const note = await check();
      this.#passed += 1;
      const took = `${((performance.now() - since) / 1000).toFixed(1)} s`;
      this.#say(`ok   ${name} (${took})${typeof note === 'string' ? `: ${note}` : ''}`);
    } catch (error) {
      this.#failed += 1;
      this.#say(`  failed: ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  skip(name: string, reason: string): void {
    this.#skipped += 1;
    this.#say(`skip ${name}: ${reason}`);
  }
}
