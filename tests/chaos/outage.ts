import type { Attempt, RequestRecord } from './record.ts';
import { isSuccess } from './record.ts';
import { recoveryMs } from './verdict.ts';

/** A time in which Redis did not do its work. */
export interface Outage {
  readonly from: number;
  /** When the suite had brought it back. */
  readonly to: number;
  /** How long after `from` the gateways may need to notice, in ms. */
  readonly noticeMs: number;
  /** How many gateways there are. */
  readonly gateways: number;
}

/** A 503 has to come this fast while Redis is away, in ms. */
const refuseWithinMs = 1000;
/** All has to work again this long after Redis is back, in ms. */
const backWithinMs = 2000;

/**
 * What a gateway owes its clients while Redis is away: 503 with `Retry-After` within a second, and work again
 * within two once it is back.
 * @returns how long after Redis' return the last gateway gave its first right answer, and what was not met.
 */
export function judgeOutage(
  records: readonly RequestRecord[],
  { from, to, noticeMs, gateways }: Outage,
): { readonly recoveryMs: number; readonly unmet: string[] } {
  const attempts = records.flatMap((record) => record.attempts);
  const during = attempts.filter(({ sent }) => sent >= from + noticeMs && sent <= to);
  // One that was sent just before the return may well be taken, and answered.
  const refused = during.filter(({ result }) => !isSuccess(result));
  const unmet: string[] = [];
  const say = (what: string, some: readonly Attempt[]): void => {
    if (some.length === 0) return;
    const [first] = some;
    const took = first === undefined ? '' : `, e.g. after ${Math.round(first.ended - first.sent)} ms`;
    unmet.push(`${some.length} of ${during.length} sendings while Redis was away ${what}${took}`);
  };
  say(
    'did not end with 503',
    refused.filter(({ result }) => result.kind !== 'answer' || result.status !== 503),
  );
  say(
    'got a 503 without Retry-After',
    refused.filter(({ result }) => result.kind === 'answer' && result.retryAfter === undefined),
  );
  say(
    `waited longer than ${refuseWithinMs} ms`,
    during.filter(
      ({ sent, ended, result }) =>
        ended - sent > refuseWithinMs && !(isSuccess(result) && to - sent < refuseWithinMs),
    ),
  );
  const firsts = Array.from({ length: gateways }, (_, target) =>
    recoveryMs(records, to, (_record, attempt) => attempt.target === target),
  );
  const recovery = Math.max(...firsts.map((first) => first ?? Number.POSITIVE_INFINITY));
  if (recovery > backWithinMs)
    unmet.push(
      `the last gateway worked again ${Math.round(recovery)} ms after Redis was back (${firsts.map((each) => (each === undefined ? 'never' : Math.round(each))).join(', ')})`,
    );
  const late = attempts.filter(
    ({ ended, result }) => ended > to + backWithinMs && result.kind === 'answer' && result.status === 503,
  );
  if (late.length > 0)
    unmet.push(
      `${late.length} answers of 503 came later than ${backWithinMs} ms after Redis was back, the last after ` +
        `${Math.round(Math.max(...late.map(({ ended }) => ended)) - to)} ms`,
    );
  return { recoveryMs: recovery, unmet };
}
