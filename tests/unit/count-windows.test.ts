import { expect, it } from 'vitest';
import type { AnswerCounts } from '#shared/contract/answer-counts.ts';
import { Confirmations } from '../../gateway/outliers/confirmations.ts';
import { CountWindows } from '../../gateway/outliers/count-windows.ts';
import type { ReplicaFigures } from '../../gateway/outliers/rule.ts';

const counts = (answered: number, failed = 0, failedInRow = failed, times: number[] = []): AnswerCounts => ({
  answered,
  failed,
  failedInRow,
  keysFailed: 2,
  gatewayFailedInRow: 0,
  keysGatewayFailed: 0,
  probe: 0,
  probeMs: 0,
  times,
});

const none: ReadonlySet<string> = new Set();

function look(
  windows: CountWindows,
  now: number,
  seen: AnswerCounts | undefined,
  generation = 1,
  out = none,
): ReplicaFigures | undefined {
  return windows.observe(new Map([['S1', { generation, counts: seen }]]), out, now)[0];
}

it('counts from when it first sees a worker, in windows of one to two intervals', () => {
  const windows = new CountWindows(1000);
  expect(look(windows, 0, counts(500, 90, 9))).toMatchObject({ answered: 0, failed: 0, failedInRow: 0 });
  expect(look(windows, 500, counts(503, 93, 12))).toMatchObject({ answered: 3, failed: 3, failedInRow: 3 });
  expect(look(windows, 1000, counts(510, 93, 0))).toMatchObject({ answered: 10, failed: 3 });
  expect(look(windows, 2000, counts(520, 93, 0))).toMatchObject({ answered: 20 });
  expect(look(windows, 2500, counts(521, 93, 0))).toMatchObject({ answered: 11, failed: 0 });
});

it('gives the service times of whole intervals, once', () => {
  const windows = new CountWindows(1000);
  look(windows, 0, counts(1, 0, 0, [1]));
  expect(look(windows, 500, counts(2, 0, 0, [1, 1]))?.times).toEqual([]);
  expect(look(windows, 1000, counts(3, 0, 0, [1, 2]))?.times).toEqual([0, 2]);
  expect(look(windows, 1100, counts(3, 0, 0, [1, 2]))?.times).toEqual([]);
  // The controller did not look for a long time.
  expect(look(windows, 9000, counts(9, 0, 0, [1, 9]))?.times).toEqual([]);
});

it('takes a new worker, and one that counts anew, from 0; no difference is negative', () => {
  const windows = new CountWindows(1000);
  look(windows, 0, counts(500, 90));
  expect(look(windows, 100, undefined, 2)).toMatchObject({ answered: 0, failed: 0, failedInRow: 0 });
  expect(look(windows, 200, counts(6, 6), 2)).toMatchObject({ answered: 6, failed: 6, failedInRow: 6 });
  look(windows, 1200, counts(8, 8), 2);
  expect(look(windows, 1300, counts(2, 2), 2)).toMatchObject({ answered: 2, failed: 2, failedInRow: 2 });
});

it('does not count what a replica answers while it does not serve', () => {
  const windows = new CountWindows(1000);
  look(windows, 0, counts(0));
  const out = new Set(['S1']);
  expect(look(windows, 100, counts(9, 9), 1, out)).toBe(undefined);
  expect(look(windows, 200, counts(9, 9))).toMatchObject({ answered: 0, failed: 0, failedInRow: 0 });
  expect(look(windows, 300, counts(11, 11))).toMatchObject({ answered: 2, failed: 2, failedInRow: 2 });
});

it('confirms a verdict on failures once all workers have reported since', () => {
  const confirmations = new Confirmations();
  const verdict = { name: 'S1', generation: 1, cause: 'consecutive_5xx', detail: '' } as const;
  const slow = { ...verdict, name: 'S2', cause: 'slow' } as const;
  expect(confirmations.confirmed([verdict, slow], 0, 500)).toEqual([slow]);
  expect(confirmations.confirmed([verdict], 499, 500)).toEqual([]);
  expect(confirmations.confirmed([], 500, 500)).toEqual([]);
  expect(confirmations.confirmed([verdict], 600, 500)).toEqual([]);
  expect(confirmations.confirmed([verdict], 1100, 500)).toEqual([verdict]);
});
