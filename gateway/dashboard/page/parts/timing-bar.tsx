import type { JSX } from 'preact';
import { duration } from '../words/numbers.ts';

interface Props {
  readonly queueMs: number | null;
  readonly serviceMs: number | null;
  readonly totalMs: number;
  /** What the whole width stands for, in ms. */
  readonly scaleMs: number;
}

/** Where the time of a request went: the wait in the queue, the service, and the rest. */
export function TimingBar({ queueMs, serviceMs, totalMs, scaleMs }: Props): JSX.Element {
  const queue = queueMs ?? 0;
  const service = serviceMs ?? 0;
  const rest = Math.max(0, totalMs - queue - service);
  const part = (ms: number): { width: string } => ({ width: `${Math.min(100, (100 * ms) / scaleMs)}%` });
  return (
    <span
      class="timing"
      title={`waited ${duration(queueMs)}, served ${duration(serviceMs)}, rest ${duration(rest)}`}
    >
      <i class="wait" style={part(queue)} />
      <i class="service" style={part(service)} />
      <i class="rest" style={part(rest)} />
    </span>
  );
}

/** @returns a round scale that holds all these times: 1, 2 or 5 times a power of ten. */
export function roundScale(times: readonly number[]): number {
  const max = Math.max(1, ...times);
  const power = 10 ** Math.floor(Math.log10(max));
  return power * ([1, 2, 5, 10].find((step) => step * power >= max) ?? 10);
}
