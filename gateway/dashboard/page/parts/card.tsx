import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

interface CardProps {
  readonly title: string;
  /** Said after the title, e.g. a number. */
  readonly hint?: ComponentChildren;
  /** What can be done, at the end of the title's line. */
  readonly tools?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A part of a page under a heading of its own. */
export function Card({ title, hint, tools, class: name = '', children }: CardProps): JSX.Element {
  const id = useId();
  return (
    <section class={`card ${name}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {hint !== undefined && <span class="soft">{hint}</span>}
        {tools !== undefined && <div class="tools">{tools}</div>}
      </header>
      {children}
    </section>
  );
}

interface PageHeadProps {
  readonly title: ComponentChildren;
  readonly lead?: ComponentChildren;
  readonly tools?: ComponentChildren;
}

/** The heading of a page. It gets the focus when the page is opened. */
export function PageHead({ title, lead, tools }: PageHeadProps): JSX.Element {
  return (
    <header class="page-head">
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {lead !== undefined && <p class="soft">{lead}</p>}
      </div>
      {tools !== undefined && <div class="tools">{tools}</div>}
    </header>
  );
}
