import type { StrategyResult } from './results.ts';

/** @returns a facet with one chart per strategy, in their order. */
export function facetOf(results: readonly StrategyResult[]): object {
  return {
    field: 'strategy',
    type: 'nominal',
    title: null,
    sort: results.map(({ strategy }) => strategy.title),
    header: { labelPadding: 8 },
  };
}
