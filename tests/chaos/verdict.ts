import type { LedgerLine } from './ledger.ts';
import { endedAt, failureCode, finalResult, isSuccess, sentAt } from './record.ts';
import type { Attempt, RequestRecord, Result } from './record.ts';

/** A request of which something is wrong that no client could have known or mended. */
export interface Finding {
  readonly id: string;
  readonly why: string;
}

/** What became of all requests of a run. */
export interface Verdict {
  readonly requests: number;
  /** Answered 2xx by an execution of the request itself. */
  readonly right: number;
  /** Requests that did not end in 2xx, by the last code that the client got. */
  readonly failed: ReadonlyMap<string, number>;
  /** Sendings beyond the first of each request. */
  readonly retries: number;
  readonly lost: readonly Finding[];
  /** Unsafe requests that were done more than once. */
  readonly doubled: readonly Finding[];
  /** Idempotent requests that did not end in 2xx, but for those that were convicted. */
  readonly idempotentFailed: readonly Finding[];
  /** Requests that were told that they kill their workers; those of the load do not. */
  readonly convicted: readonly Finding[];
  /** Unsafe requests whose connection broke, by whether they had been done at all. */
  readonly broken: { readonly done: readonly string[]; readonly notDone: readonly string[] };
  /** Longest time from the first sending to the final answer, in ms. */
  readonly slowestMs: number;
}

/**
 * Holds what the client was told against what was done.
 *
 * Lost is a request without a final answer; one whose 2xx no execution of its own stands behind; and an
 * unsafe one that the client was told was not done, while it was. What leaves the outcome open (502, 504, a
 * broken connection) contradicts nothing.
 */
export function judge(records: readonly RequestRecord[], ledger: readonly LedgerLine[]): Verdict {
  const executions = Map.groupBy(ledger, ({ id }) => id);
  const failed = new Map<string, number>();
  const lost: Finding[] = [];
  const doubled: Finding[] = [];
  const idempotentFailed: Finding[] = [];
  const convicted: Finding[] = [];
  const broken: { done: string[]; notDone: string[] } = { done: [], notDone: [] };
  let right = 0;
  let retries = 0;
  let slowestMs = 0;
  for (const record of records) {
    const { id, method } = record;
    const lines = executions.get(id) ?? [];
    const final = finalResult(record);
    retries += record.attempts.length - 1;
    slowestMs = Math.max(slowestMs, endedAt(record) - sentAt(record));
    const why = contradiction(record, lines);
    if (why !== undefined) lost.push({ id, why });
    if (!isSuccess(final)) {
      const code = failureCode(final);
      failed.set(code, (failed.get(code) ?? 0) + 1);
      const finding = { id, why: `it ended with ${code}` };
      if (code === 'worker_died') convicted.push(finding);
      else if (method === 'GET') idempotentFailed.push(finding);
    } else if (why === undefined) {
      right += 1;
    }
    if (method !== 'POST') continue;
    if (final.kind === 'broken') (lines.length === 0 ? broken.notDone : broken.done).push(id);
    if (lines.length > 1) {
      const runs = lines.map(({ replica, attempt, pid }) => `${replica} attempt ${attempt} pid ${pid}`);
      doubled.push({ id, why: `done ${lines.length} times: ${runs.join(', ')}` });
    }
  }
  return {
    requests: records.length,
    right,
    failed,
    retries,
    lost,
    doubled,
    idempotentFailed,
    convicted,
    broken,
    slowestMs,
  };
}

/** @returns what is wrong between what the client was told and what was done; undefined where nothing is. */
function contradiction(record: RequestRecord, lines: readonly LedgerLine[]): string | undefined {
  const final = finalResult(record);
  if (final.kind === 'silence') return 'it got no answer';
  if (final.kind === 'answer' && isSuccess(final)) {
    if (final.id !== record.id) return `its answer belongs to ${final.id ?? 'no request'}`;
    return lines.some(({ nonce }) => nonce === final.nonce)
      ? undefined
      : 'it was answered, but no execution stands behind the answer';
  }
  const maybeDone = record.attempts.some(({ result }) => leavesOpen(result));
  return record.method === 'POST' && lines.length > 0 && !maybeDone
    ? `the client was told that it was not done (${failureCode(final)}), but it was`
    : undefined;
}

/** @returns whether a result says nothing about whether the request was done. 503 says that it was not. */
function leavesOpen(result: Result): boolean {
  switch (result.kind) {
    case 'refused':
      return false;
    case 'broken':
    case 'silence':
      return true;
    case 'answer':
      return result.status !== 503 && !(result.status >= 400 && result.status < 500);
    default:
      return result satisfies never;
  }
}

/**
 * @returns the longest time to the final answer of requests under way between two moments, in ms; 0 without
 * any.
 */
export function slowestBetween(records: readonly RequestRecord[], from: number, to: number): number {
  const times = records
    .filter((record) => sentAt(record) <= to && endedAt(record) >= from)
    .map((record) => endedAt(record) - sentAt(record));
  return times.reduce((most, time) => Math.max(most, time), 0);
}

/**
 * @param from when the fault happened, or was over.
 * @param concerns the sendings that the fault could hit.
 * @returns how long after `from` the first right answer came to such a sending that was made after it, in ms;
 *   undefined where none came.
 */
export function recoveryMs(
  records: readonly RequestRecord[],
  from: number,
  concerns: (record: RequestRecord, attempt: Attempt) => boolean = () => true,
): number | undefined {
  let least: number | undefined;
  for (const record of records) {
    if (endedAt(record) <= from) continue;
    for (const attempt of record.attempts) {
      if (attempt.sent <= from || !isSuccess(attempt.result) || !concerns(record, attempt)) continue;
      least = Math.min(least ?? Number.POSITIVE_INFINITY, attempt.ended - from);
    }
  }
  return least;
}

/** Clocks are read in whole ms at one end. */
const toleranceMs = 5;

/**
 * @returns executions that began after their client had been told 504: what is not started by then never is.
 */
export function ranTooLate(records: readonly RequestRecord[], ledger: readonly LedgerLine[]): Finding[] {
  const told = new Map(
    records.flatMap((record) => {
      const final = finalResult(record);
      return final.kind === 'answer' && final.code === 'reply_timeout' ? [[record.id, endedAt(record)]] : [];
    }),
  );
  return ledger.flatMap(({ id, at }) => {
    const late = at - (told.get(id) ?? Number.POSITIVE_INFINITY);
    return late > toleranceMs ? [{ id, why: `it began ${Math.round(late)} ms after the answer 504` }] : [];
  });
}
