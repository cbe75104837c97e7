import type { ComponentChildren, JSX } from 'preact';
import { hrefOf } from '../data/route.ts';

interface Props {
  readonly id: string;
  readonly title?: string;
  readonly children: ComponentChildren;
}

/** A link to the page of a request. A viewer is told only the beginning of an id, which opens nothing. */
export function RequestLink({ id, title, children }: Props): JSX.Element {
  return id.includes('…') ? (
    <span class="mono" title={title}>
      {children}
    </span>
  ) : (
    <a class="mono" href={hrefOf(['requests', id])} title={title}>
      {children}
    </a>
  );
}
