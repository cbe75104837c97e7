import type { JSX } from 'preact';
import type { ApiReplicaAnswer } from '#shared/contract/api/replicas.ts';
import { tenths } from '../words/numbers.ts';
import { Left } from './ago.tsx';
import { Pill, StatePill } from './pill.tsx';

/** The state of a replica, what an operator asked for, and what keeps keys away from it. */
export function ReplicaPills({ replica }: { readonly replica: ApiReplicaAnswer }): JSX.Element {
  const { state, hold, reason } = replica;
  const isDesired = 'inRing' in replica;
  const { ejected, ejection, slowStart } = isDesired ? replica : {};
  return (
    <>
      <StatePill state={state} title={state === 'asleep' ? sleeps : reason} />
      {hold !== null && <StatePill state={hold} />}
      {ejection !== undefined && (
        <Pill tone="warn" title={ejected ?? undefined}>
          ejected,{' '}
          {ejection.probed ? (
            'probed'
          ) : (
            <>
              <Left at={ejection.until} /> left
            </>
          )}
        </Pill>
      )}
      {slowStart !== undefined && (
        <Pill tone="info" title={slowStart.reason}>
          slow start, {tenths(slowStart.share)}
        </Pill>
      )}
    </>
  );
}

const sleeps = 'It was idle, so its worker was ended. Its next request starts one.';
