import { expect, it } from 'vitest';
import { answerCountsOf } from '#shared/contract/answer-counts.ts';
import type { OutlierMark } from '#shared/contract/answer-counts.ts';
import { SharedAnswers } from '../../worker/lease/shared-answers.ts';
import { AnswerTally } from '../../worker/run/answer-tally.ts';
import type { Running } from '../../worker/run/running.ts';

/** A request that was begun at 1000 and has until 6000. */
const running = (more: Partial<Running> = {}): Running =>
  ({ begun: 1000, until: 6000, isAborted: false, ...more }) as Running; // all that a tally reads

function tallied(): { counts: SharedAnswers; add: (status?: number, more?: Partial<Case>) => void } {
  const counts = new SharedAnswers();
  const tally = new AnswerTally(counts);
  return {
    counts,
    add: (status, { mark = {}, run = {}, now = 1010 } = {}) =>
      tally.add({ key: 1, ...mark }, running(run), status, now),
  };
}

interface Case {
  readonly mark: Partial<OutlierMark>;
  readonly run: Partial<Running>;
  readonly now: number;
}

it('counts failures in a row, and over how many keys', () => {
  const { counts, add } = tallied();
  expect(counts.current).toBe(undefined);
  add(500);
  add(503);
  expect(counts.current).toMatchObject({ answered: 2, failed: 2, failedInRow: 2, keysFailed: 1 });
  expect(counts.current).toMatchObject({ gatewayFailedInRow: 1, keysGatewayFailed: 1 });
  add(502, { mark: { key: 2 } });
  expect(counts.current).toMatchObject({ failedInRow: 3, keysFailed: 2 });
  expect(counts.current).toMatchObject({ gatewayFailedInRow: 2, keysGatewayFailed: 2 });
  add(500);
  expect(counts.current).toMatchObject({ failedInRow: 4, gatewayFailedInRow: 0, keysGatewayFailed: 0 });
  add(404);
  expect(counts.current).toMatchObject({ answered: 5, failed: 4, failedInRow: 0, keysFailed: 0 });
  expect(answerCountsOf(JSON.parse(JSON.stringify(counts.current)))).toEqual(counts.current);
});

it('counts no answer by the deadline as a failure, unless the client was in a hurry or left', () => {
  const { counts, add } = tallied();
  add(undefined, { run: { isAborted: true }, now: 6000 });
  add(504, { run: { isAborted: true }, now: 5990 });
  expect(counts.current).toMatchObject({ answered: 2, gatewayFailedInRow: 2 });
  // The client left.
  add(undefined, { run: { isAborted: true }, now: 2000 });
  // Its own deadline.
  add(undefined, { run: { isAborted: true }, now: 6000, mark: { hurried: true } });
  add(504, { now: 5900, mark: { hurried: true } });
  // It never began.
  add(undefined, { run: { begun: 0, isAborted: true }, now: 6000 });
  expect(counts.current).toMatchObject({ answered: 2, failed: 2 });
  add(500, { now: 1010, mark: { hurried: true } });
  expect(counts.current).toMatchObject({ answered: 3, failedInRow: 3 });
  add(200, { now: 5900, mark: { hurried: true } });
  expect(counts.current).toMatchObject({ answered: 4, failedInRow: 0 });
});

it('counts the time of each key once a second', () => {
  const { counts, add } = tallied();
  for (let at = 0; at < 50; at += 1) add(200, { run: { begun: 1 }, now: 1001 });
  add(200, { run: { begun: 1000 }, now: 1004, mark: { key: 2 } });
  add(200, { run: { begun: 1990 }, now: 2001 });
  const { times = [] } = counts.current ?? {};
  expect(times.reduce((sum, count) => sum + count, 0)).toBe(3);
});

it('notes how a probe ended; one that went well ends the row of failures', () => {
  const { counts, add } = tallied();
  add(500);
  add(500, { mark: { probe: 77 } });
  expect(counts.current).toMatchObject({ answered: 1, failedInRow: 1, probe: 77, probeMs: -1 });
  add(undefined, { mark: { probe: 78 }, run: { isAborted: true }, now: 6000 });
  expect(counts.current).toMatchObject({ probe: 78, probeMs: -1 });
  add(404, { mark: { probe: 79 }, now: 1012 });
  expect(counts.current).toMatchObject({ answered: 1, failedInRow: 0, probe: 79, probeMs: 12 });
});
