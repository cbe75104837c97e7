/** One running worker, as its driver sees it. */
export interface Instance {
  readonly name: string;
  readonly generation: number;
  /** What the driver calls it: a pid, a container's id. */
  readonly id: string;
}

/** A worker has ended for certain. */
export interface Death {
  readonly name: string;
  readonly generation: number;
  /** For people, e.g. `exited with code 1`. */
  readonly reason: string;
}

/** How replicas are run. All calls are safe to repeat. */
export interface Driver {
  readonly kind: string;
  /** Starts a worker for this generation of a replica, unless it runs already. */
  ensure(name: string, generation: number): Promise<void>;
  /**
   * Ends one worker: SIGTERM, and SIGKILL after the grace.
   * @param graceMs 0 kills at once.
   * @returns when it has ended.
   */
  remove(name: string, generation: number, graceMs: number): Promise<void>;
  list(): Promise<readonly Instance[]>;
  /** @returns a function that ends the calls of `onDeath`. */
  watch(onDeath: (death: Death) => void): () => void;
  /** Ends all workers that this driver started; resolves when none runs. */
  close(graceMs: number): Promise<void>;
}
