import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from './call.ts';
import type { CallError } from './call.ts';
import { asCallError } from './session.ts';

/** A listing that is read page by page. */
export interface Pages<Row, Page = unknown> {
  /** Undefined until the first page is there. */
  readonly rows: readonly Row[] | undefined;
  /** The page that was read last. */
  readonly latest: Page | undefined;
  readonly fault: CallError | undefined;
  readonly isLoading: boolean;
  readonly hasMore: boolean;
  readonly more: () => void;
  readonly reload: () => void;
}

interface Read<Row, Page> {
  /** The path of the first page. */
  readonly path: string;
  readonly rows: readonly Row[] | undefined;
  readonly latest: Page | undefined;
  readonly next: string | null;
  readonly fault: CallError | undefined;
}

/**
 * Reads a listing, and more of it on demand.
 * @param path of the first page.
 * @param rowsOf the rows of a page.
 */
export function usePages<Page extends { readonly next: string | null }, Row>(
  path: string,
  rowsOf: (page: Page) => readonly Row[],
): Pages<Row, Page> {
  const nothing: Read<Row, Page> = { path, rows: undefined, latest: undefined, next: null, fault: undefined };
  const [read, setRead] = useState(nothing);
  const [isLoading, setLoading] = useState(true);
  const [round, setRound] = useState(0);
  const aborter = useRef<AbortController>(null);
  const load = (from: string, before: readonly Row[]): void => {
    aborter.current?.abort();
    const own = new AbortController();
    aborter.current = own;
    setLoading(true);
    call<Page>('GET', from, { signal: own.signal })
      .then(
        (page) =>
          setRead({
            path,
            rows: [...before, ...rowsOf(page)],
            latest: page,
            next: page.next,
            fault: undefined,
          }),
        (error: unknown) => {
          if (own.signal.aborted) return;
          setRead((known) => ({ ...(known.path === path ? known : nothing), fault: asCallError(error) }));
        },
      )
      .finally(() => {
        if (!own.signal.aborted) setLoading(false);
      });
  };
  useEffect(() => {
    load(path, []);
    return () => aborter.current?.abort();
  }, [path, round]);
  // What was read for another path is not shown: an action would be for what the new path selects.
  const { rows, fault, next } = read.path === path ? read : nothing;
  return {
    rows,
    latest: read.latest,
    fault,
    isLoading,
    hasMore: next !== null,
    more: () => {
      if (next !== null && !isLoading) load(next, rows ?? []);
    },
    reload: () => setRound((before) => before + 1),
  };
}
