import type { Fenced } from '../../contract/fenced.ts';
import { script } from './script.ts';

interface ClaimUnbegun {
  /** The lease of the caller. */
  readonly lease: Fenced;
  readonly id: string;
  /** The token of the job's lock when the caller decided; '' if it had none. */
  readonly lock: string;
  /** The token of the lock that the job gets. */
  readonly token: string;
}

/** For how long a claimed job is locked, in ms. It is put back at once. */
const claimMs = 30_000;

/** Claims an active job that was not begun. The result is whether it is claimed. */
export const claimUnbegun = script<ClaimUnbegun, boolean>({
  file: 'claim-unbegun',
  keys: (keys, { lease: { replica }, id }) => [
    keys.leaseFence(replica),
    keys.job(replica, id),
    keys.jobLock(replica, id),
    keys.unfinished(replica).active,
  ],
  args: ({ lease, id, lock, token }) => [lease.fence, id, lock, token, claimMs],
  decode: (reply) => reply === 1,
});
