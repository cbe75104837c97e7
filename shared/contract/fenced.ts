/**
 * What a store needs of a worker's lease, so that Redis refuses its writes once another worker has taken the
 * lease.
 */
export interface Fenced {
  readonly replica: string;
  /** The fencing token. It is there once the lease was taken for the first time. */
  readonly fence: number;
}
