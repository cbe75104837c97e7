import type { Driver } from './driver.ts';

/** Starts nothing: workers are run by someone else, and known by their leases alone. */
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
