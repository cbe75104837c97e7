import type { ComponentChildren, JSX } from 'preact';
import type { ApiReplicaView } from '#shared/contract/api/replicas.ts';
import type { EjectionView, SlowStartView } from '#shared/contract/ring-view.ts';
import { mayChange } from '../data/session-state.ts';
import { Left } from '../parts/ago.tsx';
import { Icon } from '../parts/icon.tsx';
import { tenths } from '../words/numbers.ts';

/** Why a replica gets fewer requests than others now, and what will change that, in words. */
export function ReplicaNotes({ view }: { readonly view: ApiReplicaView }): JSX.Element {
  const { name, state, ejection, slowStart } = view;
  return (
    <>
      {ejection !== undefined && <Ejected name={name} ejection={ejection} />}
      {state === 'asleep' && (
        <Said level="notice" what={<>{name} sleeps: it was idle, so its worker was ended.</>}>
          It keeps its keys and its queue. Its next request starts a worker and waits for it.
        </Said>
      )}
      {slowStart !== undefined && <Ramps name={name} slowStart={slowStart} />}
    </>
  );
}

function Ejected({
  name,
  ejection,
}: {
  readonly name: string;
  readonly ejection: EjectionView;
}): JSX.Element {
  const { detail, count, until, probed } = ejection;
  const what = probed ? (
    <>
      {name} is ejected and being probed: {detail}.
    </>
  ) : (
    <>
      {name} is ejected for <Left at={until} /> more: {detail}.
    </>
  );
  return (
    <Said level="warning" what={what}>
      {count > 1 && `It was ejected ${count} times in a row. `}
      Its keys are with their successors. {probed ? 'The answer to the probe' : 'A probe then'} decides
      whether it returns.
      {mayChange.value && ' To end this now, put it back into the ring.'}
    </Said>
  );
}

function Ramps({
  name,
  slowStart,
}: {
  readonly name: string;
  readonly slowStart: SlowStartView;
}): JSX.Element {
  const { share, endsAt } = slowStart;
  const what = (
    <>
      {name} starts slowly: it has {tenths(share)} of its weight, and all of it in <Left at={endsAt} />.
    </>
  );
  return (
    <Said level="notice" what={what}>
      Its share of the keys and its cap grow in steps, so that its caches fill before it has all its keys.
    </Said>
  );
}

const tones = { warning: 'warn', notice: 'info' } as const;

function Said({
  level,
  what,
  children,
}: {
  readonly level: keyof typeof tones;
  readonly what: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class={`note ${tones[level]}`}>
      <Icon name={level} />
      <div>
        <p>
          <strong>{what}</strong>
        </p>
        <p>{children}</p>
      </div>
    </div>
  );
}
