/** One running worker, as its driver sees it. */
export interface Instance {
  readonly name: string;
  readonly generation: number;
  /** What the driver calls it: a pid, a container's id. */
  readonly id: string;
  /** It was started from settings, or an image, that are not those of today. */
  readonly outdated: boolean;
}

/** A worker has ended for certain. */
export interface Death {
  readonly name: string;
  readonly generation: number;
  /** For people, e.g. `exited with code 1`. */
  readonly reason: string;
  /** It ended by itself and had finished what it held. */
  readonly clean: boolean;
  /** The last lines that it wrote to stderr, if the driver knows them; never rejects. */
  readonly stderr?: Promise<readonly string[]>;
}

/** How replicas are run. All calls are safe to repeat. */
export interface Driver {
  readonly kind: string;
  /** Begins to see what runs. */
  start(): Promise<void>;
  /** Starts a worker for this generation of a replica, unless it runs already. */
  ensure(name: string, generation: number): Promise<void>;
  /**
   * Ends one worker: SIGTERM, and SIGKILL after the grace.
   * @param graceMs 0 kills at once.
   * @returns when it has ended.
   */
  remove(name: string, generation: number, graceMs: number): Promise<void>;
  /** What runs, as the driver last saw it. Never waits for anything slow. */
  list(): readonly Instance[];
  /** Why the driver cannot act or see now, or undefined where it can. */
  trouble(): string | undefined;
  /** @returns a function that ends the calls of `onDeath`. */
  watch(onDeath: (death: Death) => void): () => void;
  /**
   * Lets go. Workers that cannot live without this process, or are not to outlive it, are ended: each has `graceMs` to
   * finish what it holds. Resolves when none of those runs.
   */
  close(graceMs: number): Promise<void>;
}
