import type { JSX } from 'preact';
import { timeOfDay } from '../words/times.ts';
import { none } from '../words/numbers.ts';
import { Plot, pointedAt } from './plot.tsx';
import type { Line } from './plot.tsx';

interface Props {
  readonly title: string;
  /** In ms since the epoch, the oldest first. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  /** @returns a value with its unit. */
  readonly format: (value: number) => string;
  /** Says in a sentence what the chart shows. */
  readonly summary: string;
}

/** Samples in the table that says to screen readers what the lines show. */
const rowsInText = 12;

/** A chart over time. Its legend shows the values under the pointer, else the latest ones. */
export function Chart({ title, times, lines, format, summary }: Props): JSX.Element {
  const at = pointedAt.value;
  const pointed = at === null ? -1 : times.indexOf(at);
  const shown = pointed < 0 ? times.length - 1 : pointed;
  const valueAt = ({ values }: Line, place: number): string => {
    const value = values[place] ?? null;
    return value === null ? none : format(value);
  };
  const time = (place: number): string => timeOfDay(times[place] ?? 0).slice(0, 8);
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        {lines.map((line) => (
          <span key={line.label} class="legend">
            <i class={`dash ${line.class}`} aria-hidden="true" />
            {line.label} <b>{valueAt(line, shown)}</b>
          </span>
        ))}
        <span class="legend-time soft">{pointed < 0 ? '' : time(pointed)}</span>
      </figcaption>
      <Plot times={times} lines={lines} format={format} label={summary} />
      {/* A table is as wide as its text, whatever its style says, so a box hides it. */}
      <div class="unseen">
        <table>
          <caption>{`${title}, the latest values`}</caption>
          <thead>
            <tr>
              <th scope="col">time</th>
              {lines.map(({ label }) => (
                <th key={label} scope="col">
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {times.slice(-rowsInText).map((_, row) => {
              const place = Math.max(0, times.length - rowsInText) + row;
              return (
                <tr key={place}>
                  <th scope="row">{time(place)}</th>
                  {lines.map((line) => (
                    <td key={line.label}>{valueAt(line, place)}</td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
