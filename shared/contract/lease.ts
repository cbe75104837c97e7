/** Where a worker is in its life: it does not take jobs yet, it takes them, or it finishes what it holds and goes. */
export type WorkerState = 'starting' | 'ready' | 'leaving';

/** The running worker of a replica, as its lease in Redis says. */
export interface Lease {
  readonly generation: number;
  readonly state: WorkerState;
  readonly pid: number;
  readonly host: string;
  /** When the worker started, in ms since the epoch. */
  readonly started: number;
}
