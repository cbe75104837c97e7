import type { Results } from '../results.ts';

/** Placeholder. */
export function report(results: Results, ours: string): string {
  return `${results.date} ${ours}`;
}
