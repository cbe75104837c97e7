import type { JSX } from 'preact';
import { count } from '../words/numbers.ts';

interface Props {
  readonly load: number;
  /** Null if the replica is not in the ring, so that it has no cap. */
  readonly cap: number | null;
}

/** The load of a replica against its cap, e.g. `12 of 8`. A load beyond the cap has a mark at the cap. */
export function LoadBar({ load, cap }: Props): JSX.Element {
  if (cap === null) return <>{count(load)}</>;
  const isFull = load >= cap;
  const percent = (value: number): string => `${(100 * value) / Math.max(load, cap)}%`;
  return (
    <span class={`load ${isFull ? 'full' : ''}`} title={`Loose requests pass it over from ${count(cap)} on.`}>
      <span class="load-bar" aria-hidden="true">
        <i style={{ width: percent(load) }} />
        {load > cap && <b style={{ left: percent(cap) }} />}
      </span>
      <span>
        {count(load)} of {count(cap)}
      </span>
    </span>
  );
}
