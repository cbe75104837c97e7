import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from './call.ts';
import type { CallError, Method } from './call.ts';
import { asCallError } from './session.ts';

/** An answer of the API, with what it was before while a new one is on its way. */
export interface Resource<T> {
  readonly data: T | undefined;
  readonly fault: CallError | undefined;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

interface Loaded<T> {
  readonly path: string | null;
  readonly data: T | undefined;
  readonly fault: CallError | undefined;
}

interface ReadOptions {
  /** Read again after this time, while the page is visible. */
  readonly everyMs?: number;
  /** GET, or the method of a change that is only tried. */
  readonly method?: Method;
}

/**
 * Reads from the API, again when the path changes.
 * @param path null if there is nothing to ask for.
 */
export function useResource<T>(
  path: string | null,
  { everyMs, method = 'GET' }: ReadOptions = {},
): Resource<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ path: null, data: undefined, fault: undefined });
  const [round, setRound] = useState(0);
  const isReading = useRef(false);
  useEffect(() => {
    if (path === null) return undefined;
    const aborter = new AbortController();
    isReading.current = true;
    const reading = call<T>(method, path, { signal: aborter.signal }).then(
      (data) => setLoaded({ path, data, fault: undefined }),
      (error: unknown) => {
        if (aborter.signal.aborted) return;
        const fault = asCallError(error);
        setLoaded((before) => ({ path, data: before.path === path ? before.data : undefined, fault }));
      },
    );
    void reading.finally(() => {
      if (!aborter.signal.aborted) isReading.current = false;
    });
    return () => aborter.abort();
  }, [path, round]);
  useEffect(() => {
    if (everyMs === undefined) return undefined;
    const timer = setInterval(() => {
      // A new round would abort a slow reading, again and again.
      if (!document.hidden && !isReading.current) setRound((before) => before + 1);
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return {
    data: path === null ? undefined : loaded.data,
    fault: loaded.path === path ? loaded.fault : undefined,
    isLoading: path !== null && loaded.path !== path,
    reload: () => setRound((before) => before + 1),
  };
}
