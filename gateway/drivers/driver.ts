import { unloadedExitCode } from '#shared/contract/unloaded.ts';

/** One running worker, as its driver sees it. */
export interface Instance {
  readonly name: string;
  readonly generation: number;
  /** What the driver calls it: a pid, the id of a container or a service. */
  readonly id: string;
  /** It was started from other settings, or another image, than the current ones, or is to move elsewhere. */
  readonly outdated: boolean;
  /** Why it is to be replaced, if its settings and image are current. */
  readonly cause?: string;
}

/** A worker has certainly ended. */
export interface Death {
  readonly name: string;
  readonly generation: number;
  /** For people, e.g. `exited with code 1`. */
  readonly reason: string;
  /** It ended by itself after it had finished what it held, or was told to end before it had begun. */
  readonly clean: boolean;
  /** It could not load its handler; its crash note says why. */
  readonly unloaded?: boolean;
  /** The last lines that it wrote to stderr, if the driver knows them; never rejects. */
  readonly stderr?: Promise<readonly string[]>;
}

/** How a worker ended. */
export type Ending = Pick<Death, 'reason' | 'clean' | 'unloaded'>;

/** @returns what an exit code says. */
export function endingOf(exitCode: string | number | null | undefined): Ending {
  const code = String(exitCode ?? 'unknown');
  const reason = `exited with code ${code}`;
  return { reason, clean: code === '0', unloaded: code === String(unloadedExitCode) };
}

/** How replicas are run. All calls are safe to repeat. */
export interface Driver {
  readonly kind: string;
  /** Starts to observe what runs. */
  start(): Promise<void>;
  /** Starts a worker for this generation of a replica, unless it runs already. */
  ensure(name: string, generation: number): Promise<void>;
  /**
   * Ends one worker: SIGTERM, and SIGKILL after the grace.
   * @param graceMs 0 kills at once.
   * @returns when it has ended, or when it is no longer listed because nobody can know.
   */
  remove(name: string, generation: number, graceMs: number): Promise<void>;
  /** What runs, as the driver last saw it. Returns at once. */
  list(): readonly Instance[];
  /** Why the driver cannot start, end or see workers now; undefined if it can. */
  trouble(): string | undefined;
  /** @returns a function that ends the calls of `onDeath`. */
  watch(onDeath: (death: Death) => void): () => void;
  /**
   * Ends the workers that cannot outlive this process, or are not meant to: each has `graceMs` to finish what
   * it holds. Resolves when none of them runs.
   */
  close(graceMs: number): Promise<void>;
}
