import type { LedgerLine } from './ledger.ts';
import { endedAt, failureCode, finalResult, isSuccess, sentAt } from './record.ts';
import type { Attempt, RequestRecord, Result } from './record.ts';

/** A request with an outcome that the client cannot detect or repair. */
export interface Finding {
  readonly id: string;
  readonly why: string;
}

/** The outcome of all requests of a run. */
export interface Verdict {
  readonly requests: number;
  /** How many got a 2xx answer from an execution of the request itself. */
  readonly right: number;
  /** Requests that did not end in 2xx, by the last code that the client got. */
  readonly failed: ReadonlyMap<string, number>;
  /** Sends after the first one of each request. */
  readonly retries: number;
  readonly lost: readonly Finding[];
  /** Unsafe requests that ran more than once. */
  readonly doubled: readonly Finding[];
  /** Idempotent requests that did not end in 2xx, without those in `mistakenForPoison`. */
  readonly idempotentFailed: readonly Finding[];
  /** Requests that ended with `worker_died`, although no request of the load ends its worker. */
  readonly mistakenForPoison: readonly Finding[];
  /** Unsafe requests whose connection broke, by whether they ran at all. */
  readonly broken: { readonly done: readonly string[]; readonly notDone: readonly string[] };
  /** The longest time from the first send to the final answer, in ms. */
  readonly slowestMs: number;
}

/**
 * Compares what the client was told with what ran.
 *
 * A request is lost if it has no final answer, if its 2xx does not come from an execution of it, or if it is
 * unsafe and ran although its client was told that it did not. A result that leaves this open (502, 504, a
 * broken connection) contradicts nothing.
 */
export function judge(records: readonly RequestRecord[], ledger: readonly LedgerLine[]): Verdict {
  const executions = Map.groupBy(ledger, ({ id }) => id);
  const failed = new Map<string, number>();
  const lost: Finding[] = [];
  const doubled: Finding[] = [];
  const idempotentFailed: Finding[] = [];
  const mistakenForPoison: Finding[] = [];
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
      if (code === 'worker_died') mistakenForPoison.push(finding);
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
    mistakenForPoison,
    broken,
    slowestMs,
  };
}

/** @returns how the answer contradicts the executions; undefined if it does not. */
function contradiction(record: RequestRecord, lines: readonly LedgerLine[]): string | undefined {
  const final = finalResult(record);
  if (final.kind === 'silence') return 'it got no answer';
  if (final.kind === 'answer' && isSuccess(final)) {
    if (final.id !== record.id) return `its answer belongs to ${final.id ?? 'no request'}`;
    return lines.some(({ nonce }) => nonce === final.nonce)
      ? undefined
      : 'it was answered, but the answer comes from no execution';
  }
  const maybeDone = record.attempts.some(({ result }) => leavesOpen(result));
  return record.method === 'POST' && lines.length > 0 && !maybeDone
    ? `the client was told that it was not done (${failureCode(final)}), but it was`
    : undefined;
}

/** @returns whether the result leaves open whether the request ran. 503 says that it did not. */
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
 * @returns the longest time to a final answer among requests that ran between two moments, in ms; 0 if none.
 */
export function slowestBetween(records: readonly RequestRecord[], from: number, to: number): number {
  const times = records
    .filter((record) => sentAt(record) <= to && endedAt(record) >= from)
    .map((record) => endedAt(record) - sentAt(record));
  return times.reduce((most, time) => Math.max(most, time), 0);
}

/**
 * @param from when the fault happened, or ended.
 * @param concerns selects the sends that the fault could hit; all by default.
 * @returns the time from `from` to the first 2xx answer to such a send made after `from`, in ms; undefined if
 *   there was none.
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

/** The ledger has whole ms, the client's times are exact. */
const toleranceMs = 5;

/**
 * @returns executions that started after their client had got 504, which must not happen.
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
    return late > toleranceMs ? [{ id, why: `it started ${Math.round(late)} ms after the answer 504` }] : [];
  });
}
