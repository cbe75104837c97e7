import { colours } from '../bench/charts/charts.ts';
import type { ChartSpec } from '../bench/charts/charts.ts';
import { facetOf } from './facets.ts';
import type { SizeResult, StrategyResult } from './results.ts';

/** the average load, and the band from the least to the most loaded replica. */
export function loadFigure({ sizes }: StrategyResult): ChartSpec {
  const requests = sizes[0]?.run.requests ?? 0;
  return {
    title: {
      text: `A-2: load of a replica, ${requests.toLocaleString('en')} requests for each N`,
      subtitle: [
        'Assignment ring, linear probing. The average falls as 1/N; the band goes from the least',
        'to the most loaded replica.',
      ],
    },
    width: 560,
    height: 320,
    data: { values: loadRows(sizes) },
    layer: loadLayers(true),
  };
}

function loadRows(sizes: readonly SizeResult[], of: object = {}): object[] {
  return sizes.flatMap(({ run: { replicas, counts, requests } }) =>
    replicas.map((replica, at) => ({
      ...of,
      n: replicas.length,
      replica,
      load: counts[at],
      average: requests / replicas.length,
      least: Math.min(...counts),
      most: Math.max(...counts),
    })),
  );
}

function loadLayers(labelled: boolean): object[] {
  const x = { field: 'n', type: 'ordinal', title: 'N, replicas' };
  const y = (field: string): object => ({
    field,
    type: 'quantitative',
    title: 'requests of a replica',
    axis: { format: ',d', tickCount: 6 },
    scale: { nice: 6 },
  });
  const scale = {
    domain: ['average', 'least to most', 'each replica'],
    range: [colours.blue, colours.pale, colours.vermilion],
  };
  const colour = (datum: string): object => ({ datum, title: null, scale, legend: { symbolOpacity: 1 } });
  const layers: object[] = [
    {
      mark: { type: 'area', opacity: 1 },
      encoding: { x, y: y('least'), y2: { field: 'most' }, color: colour('least to most') },
    },
    {
      mark: { type: 'point', filled: true, size: 34, opacity: 0.85 },
      encoding: { x, y: y('load'), color: colour('each replica') },
    },
    {
      mark: { type: 'line', strokeWidth: 2.5, point: { filled: true, size: 60 } },
      encoding: { x, y: y('average'), color: colour('average') },
    },
  ];
  if (!labelled) return layers;
  return [
    ...layers,
    {
      transform: [{ filter: 'datum.replica === "S1"' }],
      mark: { type: 'text', dy: -13, fontSize: 12, color: colours.blue },
      encoding: { x, y: y('average'), text: { field: 'average', format: ',.0f' } },
    },
  ];
}

/** again: the load of a replica for each strategy. */
export function loadsFigure(results: readonly StrategyResult[]): ChartSpec {
  const values = results.flatMap(({ strategy, sizes }) => loadRows(sizes, { strategy: strategy.title }));
  return {
    title: {
      text: 'A-4: A-2 with other hashes',
      subtitle: 'The average load of a replica, and from the least loaded one to the most loaded one.',
    },
    data: { values },
    facet: facetOf(results),
    columns: 3,
    resolve: { axis: { x: 'independent' } },
    spec: { width: 235, height: 230, layer: loadLayers(false) },
  };
}
