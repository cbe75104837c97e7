import { colours } from '../bench/charts/charts.ts';
import type { ChartSpec } from '../bench/charts/charts.ts';
import { span } from './recovery.ts';
import type { Kill } from './recovery.ts';
import { atFirstSize } from './results.ts';
import type { StrategyResult } from './results.ts';
import { median } from './spread.ts';
import { tickMs } from './timeline.ts';

/** answers in each tenth of a second around a kill. */
export function killFigure({ victim, timeline, keysMs }: Kill, perSecond: number): ChartSpec {
  const marks = [
    { at: 0, what: `kill -9 ${victim}`, align: 'right' },
    {
      at: keysMs,
      what: `its keys are answered again: ${Math.round(keysMs)} ms`,
      align: keysMs < span.after / 2 ? 'left' : 'right',
    },
  ];
  return {
    title: {
      text: `A-3: answers around the kill of the worker of ${victim}`,
      subtitle: [
        `${perSecond} requests in a second at a steady rate; ` +
          'assignment ring, linear probing, N = 3. The requests of',
        `${victim} wait in its queue until its next worker answers them; ` +
          'nothing stops for the other replicas.',
      ],
    },
    width: 640,
    height: 300,
    layer: [
      {
        data: { values: timeline.map((tick) => ({ ...tick, toMs: tick.fromMs + tickMs })) },
        mark: { type: 'bar', stroke: '#FFFFFF', strokeWidth: 0.75 },
        encoding: {
          x: {
            field: 'fromMs',
            type: 'quantitative',
            bin: 'binned',
            title: 'ms from the kill',
            axis: { format: '~d', tickCount: 8 },
            scale: { nice: false },
          },
          x2: { field: 'toMs' },
          y: { field: 'answers', type: 'quantitative', stack: 'zero', title: `answers in ${tickMs} ms` },
          color: {
            field: 'replica',
            title: 'answered by',
            scale: { range: [colours.blue, colours.orange, colours.green] },
          },
        },
      },
      {
        data: { values: marks },
        mark: { type: 'rule', strokeWidth: 1.5, strokeDash: [5, 3], color: colours.ink },
        encoding: { x: { field: 'at', type: 'quantitative' } },
      },
      ...marks.map((mark) => ({
        data: { values: [mark] },
        mark: {
          type: 'text',
          align: mark.align,
          dx: mark.align === 'left' ? -2 : 2,
          baseline: 'bottom',
          fontSize: 12.5,
          color: colours.ink,
        },
        encoding: {
          x: { field: 'at', type: 'quantitative' },
          y: { value: -5 },
          text: { field: 'what' },
        },
      })),
    ],
  };
}

/** how long the keys of a killed worker waited, for each kill. */
export function recoveryFigure(results: readonly StrategyResult[]): ChartSpec {
  const order = results.map(({ strategy }) => strategy.title);
  const y = {
    field: 'strategy',
    type: 'nominal',
    title: null,
    sort: order,
    axis: { ticks: false, domain: false },
  };
  const x = {
    type: 'quantitative',
    title: 'ms from kill -9 to the first answer',
    scale: { domainMin: 0, nice: 8 },
    axis: { grid: true, tickCount: 8 },
  };
  return {
    title: {
      text: 'A-4: recovery of the keys of a killed worker',
      subtitle: 'A circle is one kill, the line the median.',
    },
    width: 560,
    height: { step: 44 },
    layer: [
      {
        data: {
          values: results.flatMap((result) =>
            atFirstSize(result).kills.map(({ keysMs }) => ({
              strategy: result.strategy.title,
              ms: keysMs,
            })),
          ),
        },
        mark: { type: 'point', filled: true, size: 80, opacity: 0.6, color: colours.blue },
        encoding: { x: { ...x, field: 'ms' }, y },
      },
      {
        data: {
          values: results.map((result) => ({
            strategy: result.strategy.title,
            ms: median(atFirstSize(result).kills.map(({ keysMs }) => keysMs)),
          })),
        },
        mark: { type: 'tick', thickness: 2.5, size: 28, color: colours.vermilion },
        encoding: { x: { ...x, field: 'ms' }, y },
      },
    ],
  };
}
