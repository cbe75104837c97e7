/** The versions of a handler file that process workers run one after the other while the system runs. */
export class HandlerVersions {
  #current: string;
  readonly #uses = new Map<string, number>();
  readonly #onReplaced = new Set<() => void>();
  readonly #onEnded = new Set<() => void>();

  /** @param current the absolute path of the first version. */
  constructor(current: string) {
    this.#current = current;
  }

  /** The absolute path of the file that the next worker loads. */
  get current(): string {
    return this.#current;
  }

  /** @param path of the new version, absolute. Workers of all others are outdated from now on. */
  replace(path: string): void {
    if (path === this.#current) return;
    this.#current = path;
    for (const listener of this.#onReplaced) listener();
    this.#tell();
  }

  /** @param listener called after each replacement. */
  onReplaced(listener: () => void): void {
    this.#onReplaced.add(listener);
  }

  /**
   * Notes that a process runs a version.
   * @returns a function to call when the process has ended.
   */
  use(path: string): () => void {
    this.#uses.set(path, (this.#uses.get(path) ?? 0) + 1);
    return () => {
      const left = (this.#uses.get(path) ?? 1) - 1;
      if (left === 0) this.#uses.delete(path);
      else this.#uses.set(path, left);
      this.#tell();
    };
  }

  /** @returns whether a process runs a version, or the next one would. */
  isUsed(path: string): boolean {
    return path === this.#current || this.#uses.has(path);
  }

  /**
   * Waits until no process runs another version than the current one.
   * @returns false if the current version was replaced meanwhile.
   */
  whenAlone(): Promise<boolean> {
    const path = this.#current;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => {
      const others = [...this.#uses.keys()].some((used) => used !== path);
      if (path === this.#current && others) return;
      this.#onEnded.delete(look);
      resolve(path === this.#current);
    };
    this.#onEnded.add(look);
    look();
    return promise;
  }

  #tell(): void {
    for (const listener of this.#onEnded) listener();
  }
}
