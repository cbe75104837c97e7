import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { inStep } from '#shared/process/in-step.ts';
import { LoopDelay } from '#shared/process/loop-delay.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

/** The time of the process, in ms. */
const now = (): number => Math.round(performance.now());

it('calls at the multiples of the period, whenever it was started', () => {
  const begun = now();
  const calls: string[] = [];
  vi.advanceTimersByTime(70 - (begun % 100));
  const endFast = inStep(100, () => calls.push(`fast ${(now() % 1000) / 100}`));
  vi.advanceTimersByTime(15);
  const endSlow = inStep(200, () => calls.push(`slow ${(now() % 200) / 100}`));
  const counted = calls.length;
  vi.advanceTimersByTime(1000);
  expect(counted).toBe(0);
  expect(calls.filter((call) => call.startsWith('fast'))).toHaveLength(10);
  expect(calls.filter((call) => call === 'slow 0')).toHaveLength(5);
  expect(calls.every((call) => /^\w+ \d$/.test(call))).toBe(true);
  endFast();
  endSlow();
  vi.advanceTimersByTime(1000);
  expect(calls).toHaveLength(15);
});

it('measures the longest delay of the event loop since it was asked last', () => {
  let turns = 0;
  const delay = new LoopDelay(() => (turns += 1));
  delay.start();
  vi.advanceTimersByTime(1000);
  expect([turns, delay.take()]).toEqual([10, 0]);
  delay.stop();
  vi.advanceTimersByTime(1000);
  expect(turns).toBe(10);
});

it('measures each of two delays in a row from when the turn was due', () => {
  let blockedMs = 0;
  const clock = performance.now.bind(performance);
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => clock() + blockedMs);
  const delay = new LoopDelay();
  const advance = (ms: number): void => void vi.advanceTimersByTime(ms);
  delay.start();
  advance(300);
  advance(100 - (now() % 100));
  delay.take();
  blockedMs += 90;
  advance(100);
  expect(delay.take()).toBeCloseTo(90, -1);
  blockedMs += 150;
  advance(100);
  const second = delay.take();
  delay.stop();
  spy.mockRestore();
  expect(second).toBeGreaterThan(140);
});
