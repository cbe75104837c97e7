import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { clockOf } from '../words/times.ts';
import { timeTicks, valueTicks } from './scale.ts';

/** A line of a chart. */
export interface Line {
  readonly label: string;
  /** The class that gives it its colour. */
  readonly class: string;
  /** Whether the area under it is filled. */
  readonly isFilled?: boolean;
  /** A value for each time; null where there is none. */
  readonly values: readonly (number | null)[];
}

interface Props {
  /** In ms since the epoch, the oldest first. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  /** @returns a value on the axis, with its unit. */
  readonly format: (value: number) => string;
  readonly label: string;
}

/** The time under the pointer, in whichever chart it is; null if it is in none. All charts show it. */
export const pointedAt = signal<number | null>(null);

const height = 148;
const margin = { top: 8, right: 8, bottom: 22, left: 56 };
const innerHeight = height - margin.top - margin.bottom;
const minSpanMs = 60_000;
/** A longer time between two samples is shown as a gap. */
const gapMs = 30_000;

/** Lines over time. */
export function Plot({ times, lines, format, label }: Props): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (box.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const to = times.at(-1) ?? 0;
  const from = Math.min(times[0] ?? 0, to - minSpanMs);
  const innerWidth = Math.max(1, width - margin.left - margin.right);
  const ticks = valueTicks(
    Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0))),
    3,
  );
  const top = ticks.at(-1) ?? 1;
  const x = (time: number): number => round(margin.left + ((time - from) / (to - from)) * innerWidth);
  const y = (value: number): number => round(margin.top + (1 - value / top) * innerHeight);
  const point = ({ clientX, currentTarget }: { clientX: number; currentTarget: Element }): void => {
    const inside = clientX - currentTarget.getBoundingClientRect().left - margin.left;
    pointedAt.value = nearest(times, from + (inside / innerWidth) * (to - from));
  };
  const at = pointedAt.value;
  const atPlace = at === null ? -1 : times.indexOf(at);
  return (
    <div ref={box} class="plot">
      {width > 0 && (
        <svg
          width={width}
          height={height}
          role="img"
          aria-label={label}
          onPointerMove={point}
          onPointerLeave={() => {
            pointedAt.value = null;
          }}
        >
          {ticks.map((value) => (
            <g key={value}>
              <line class="grid" x1={margin.left} x2={width - margin.right} y1={y(value)} y2={y(value)} />
              <text class="axis end" x={margin.left - 8} y={y(value) + 4}>
                {format(value)}
              </text>
            </g>
          ))}
          {times.length > 0 &&
            timeTicks(from, to, innerWidth / 80).map((time) => (
              <text key={time} class="axis" x={Math.min(x(time), width - 24)} y={height - 5}>
                {clockOf(time)}
              </text>
            ))}
          {lines.map(({ label: name, class: colour, values, isFilled = false }) => {
            const pieces = piecesOf(times, values, x, y);
            return (
              <g key={name}>
                {isFilled && (
                  <path class={`area ${colour}`} d={pieces.map((piece) => areaOf(piece, y(0))).join('')} />
                )}
                <path class={`line ${colour}`} d={pieces.map((piece) => `M${piece.join('L')}`).join('')} />
              </g>
            );
          })}
          {at !== null && atPlace >= 0 && (
            <g>
              <line class="pointer" x1={x(at)} x2={x(at)} y1={margin.top} y2={margin.top + innerHeight} />
              {lines.map(({ label: name, class: colour, values }) => {
                const value = values[atPlace] ?? null;
                return (
                  value !== null && (
                    <circle key={name} class={`point ${colour}`} cx={x(at)} cy={y(value)} r="3.5" />
                  )
                );
              })}
            </g>
          )}
        </svg>
      )}
    </div>
  );
}

type Scale = (value: number) => number;

/** @returns the points of a line, as `x y`; each gap begins a new piece. */
function piecesOf(
  times: readonly number[],
  values: readonly (number | null)[],
  x: Scale,
  y: Scale,
): readonly (readonly string[])[] {
  const pieces: string[][] = [];
  let before: number | undefined;
  for (const [place, time] of times.entries()) {
    const value = values[place] ?? null;
    if (value !== null) {
      if (before === undefined || time - before > gapMs) pieces.push([]);
      pieces.at(-1)?.push(`${x(time)} ${y(value)}`);
    }
    before = value === null ? undefined : time;
  }
  return pieces;
}

function areaOf(piece: readonly string[], bottom: number): string {
  const xOf = (point: string | undefined): string => point?.split(' ', 1)[0] ?? '0';
  return `M${piece.join('L')}L${xOf(piece.at(-1))} ${bottom}L${xOf(piece[0])} ${bottom}Z`;
}

function nearest(times: readonly number[], wanted: number): number | null {
  let best: number | null = null;
  for (const time of times)
    if (best === null || Math.abs(time - wanted) < Math.abs(best - wanted)) best = time;
  return best;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
