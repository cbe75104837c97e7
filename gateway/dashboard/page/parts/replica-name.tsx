import type { JSX } from 'preact';
import { hrefOf } from '../data/route.ts';
import { none } from '../words/numbers.ts';
import { colourOf } from './replica-colours.ts';

/** The name of a replica with its colour, as a link to its page. */
export function ReplicaName({ name }: { readonly name: string | null }): JSX.Element {
  if (name === null) return <span class="soft">{none}</span>;
  return (
    <a class="replica-name" href={hrefOf(['replicas', name])}>
      <i class="dot" style={{ background: colourOf(name) }} aria-hidden="true" />
      {name}
    </a>
  );
}
