import { script } from './script.ts';

/** The lease of a worker that has certainly ended, or that leaves by itself. */
export interface EndedLease {
  /** The replica whose queue the worker served. */
  readonly replica: string;
  /** The generation of the replica's own worker, or the adopter as the lease names it. */
  readonly holder: number | string;
  /** How long the end is recorded for a leader that has not seen it, in ms; 0: it is not recorded. */
  readonly recordMs: number;
}

/** Deletes a lease if that worker still holds it. Returns whether it did. */
export const endLease = script<EndedLease, boolean>({
  file: 'end-lease',
  keys: (keys, { replica }) => [keys.lease(replica), keys.ended(replica)],
  args: ({ holder, recordMs }) =>
    typeof holder === 'number' ? [holder, '', recordMs] : [0, holder, recordMs],
  decode: (reply) => reply === 1,
});
