import type { Driver } from './driver.ts';

/** Starts nothing: the user runs the workers, and only their leases show them. */
export function createNoDriver(): Driver {
  return {
    kind: 'none',
    start: () => Promise.resolve(),
    ensure: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    list: () => [],
    trouble: () => undefined,
    watch: () => () => undefined,
    close: () => Promise.resolve(),
  };
}
