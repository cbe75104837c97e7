import type { Fenced } from '../../contract/fenced.ts';
import { script } from './script.ts';

interface ClaimActive {
  /** The lease of the caller. */
  readonly lease: Fenced;
  readonly id: string;
  /** The token of the job's lock when the caller decided; '' if it had none. */
  readonly lock: string;
  /** The token of the lock that the job gets. */
  readonly token: string;
  /** Whether it was certainly not begun: then its count of attempts starts again. */
  readonly unbegun: boolean;
}

/** For how long a claimed job is locked, in ms. It is put back at once. */
const claimMs = 30_000;

/** Claims an active job that no worker runs. `taken`: it is another's by now, or is gone. */
export const claimActive = script<ClaimActive, 'claimed' | 'taken' | 'superseded'>({
  file: 'claim-active',
  keys: (keys, { lease: { replica }, id }) => [
    keys.leaseFence(replica),
    keys.job(replica, id),
    keys.jobLock(replica, id),
    keys.unfinished(replica).active,
  ],
  args: ({ lease, id, lock, token, unbegun }) => [lease.fence, id, lock, token, claimMs, unbegun ? 1 : 0],
  decode: (reply) => {
    if (reply === 1) return 'claimed';
    return reply === -1 ? 'superseded' : 'taken';
  },
});
