import type { Driver } from './driver.ts';

/** Starts nothing: workers are run by someone else, and known by their leases alone. */
export function createNoDriver(): Driver {
  return {
    kind: 'none',
    ensure: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    watch: () => () => undefined,
    close: () => Promise.resolve(),
  };
}
