import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { useRowWindow } from './row-window.ts';

/** A column of a {@link LongTable}. */
export interface Column {
  readonly label: string;
  /** Whether only screen readers are told the label. */
  readonly isUnseen?: boolean;
  /** A class that says how wide it is, how it is aligned and whether a phone shows it. */
  readonly class?: string;
}

interface Props<T> {
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly T[];
  /** By its place, a row of the document is used again for what comes there next. */
  readonly keyOf: (row: T, place: number) => string;
  /** The cells of a row. */
  readonly cells: (row: T) => ComponentChildren;
  /** Called when the list is scrolled down or back to its top. */
  readonly onScrolled?: (isScrolled: boolean) => void;
}

/** The height of a row in px, as in the style sheet. */
const rowHeight = 37;

/** A table that puts only the rows in view into the document, however many there are. */
export function LongTable<T>({ caption, columns, rows, keyOf, cells, onScrolled }: Props<T>): JSX.Element {
  const { scroller, first, end, isScrolled } = useRowWindow(rows.length, rowHeight);
  useEffect(() => onScrolled?.(isScrolled), [isScrolled]);
  return (
    <div ref={scroller} class="scroller" role="group" aria-label={caption} tabIndex={0}>
      <table class="long" aria-rowcount={rows.length + 1}>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ label, class: name, isUnseen = false }) => (
              <th key={label} scope="col" class={name}>
                {isUnseen ? <span class="unseen">{label}</span> : label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap rows={first} />
          {rows.slice(first, end).map((row, place) => (
            <tr key={keyOf(row, first + place)} aria-rowindex={first + place + 2}>
              {cells(row)}
            </tr>
          ))}
          <Gap rows={rows.length - end} />
        </tbody>
      </table>
    </div>
  );
}

/** Keeps the place of rows that are not in the document. */
function Gap({ rows }: { readonly rows: number }): JSX.Element | null {
  if (rows <= 0) return null;
  return (
    <tr class="gap" aria-hidden="true">
      <td style={{ height: `${rows * rowHeight}px` }} />
    </tr>
  );
}
