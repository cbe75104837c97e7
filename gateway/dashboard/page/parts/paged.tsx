import type { ComponentChildren, JSX } from 'preact';
import type { Pages } from '../data/pages.ts';
import { count } from '../words/numbers.ts';
import { FaultNote } from './note.tsx';

interface Props<Row> {
  readonly pages: Pages<Row>;
  /** Shown if there is no row. */
  readonly empty: ComponentChildren;
  readonly children: (rows: readonly Row[]) => ComponentChildren;
}

/** The rows of a listing that have been read, and a way to read more. */
export function Paged<Row>({ pages, empty, children }: Props<Row>): JSX.Element {
  const { rows, fault, isLoading, hasMore, more, reload } = pages;
  return (
    <>
      {fault !== undefined && <FaultNote fault={fault} retry={reload} />}
      {rows === undefined && fault === undefined && <p class="loading soft">Loading …</p>}
      {rows !== undefined && (rows.length === 0 ? empty : children(rows))}
      {rows !== undefined && rows.length > 0 && (
        <p class="under soft">
          {count(rows.length)} shown
          {hasMore && (
            <button type="button" class="link" disabled={isLoading} onClick={more}>
              {isLoading ? 'Loading …' : 'Show more'}
            </button>
          )}
        </p>
      )}
    </>
  );
}
