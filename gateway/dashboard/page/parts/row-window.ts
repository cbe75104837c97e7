import { useEffect, useRef, useState } from 'preact/hooks';
import type { RefObject } from 'preact';

/** The rows of a long list that are in view, with some more on both sides. */
export interface RowWindow {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly first: number;
  /** The row after the last. */
  readonly end: number;
  /** Whether the list is scrolled down. */
  readonly isScrolled: boolean;
}

const spare = 8;

/**
 * Follows which rows of a scrolled list are in view.
 * @param count rows in the list.
 * @param rowHeight height of each row in px.
 */
export function useRowWindow(count: number, rowHeight: number): RowWindow {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  useEffect(() => {
    const box = scroller.current;
    if (box === null) return undefined;
    let frame = 0;
    const measure = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => setView({ top: box.scrollTop, height: box.clientHeight }));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    box.addEventListener('scroll', measure, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      box.removeEventListener('scroll', measure);
    };
  }, []);
  const first = Math.max(0, Math.min(count, Math.floor(view.top / rowHeight) - spare));
  const end = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + spare);
  return { scroller, first, end, isScrolled: view.top > rowHeight };
}
