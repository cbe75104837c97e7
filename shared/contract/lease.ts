/** The running worker of a replica, as its lease in Redis says. */
export interface Lease {
  readonly generation: number;
  /** Whether it takes jobs. */
  readonly ready: boolean;
  readonly pid: number;
  readonly host: string;
  /** When the worker started, in ms since the epoch. */
  readonly started: number;
}
