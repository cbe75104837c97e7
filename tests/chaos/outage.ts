import type { Attempt, RequestRecord } from './record.ts';
import { isSuccess } from './record.ts';
import { recoveryMs } from './verdict.ts';

/** A time in which Redis did not work. */
export interface Outage {
  readonly from: number;
  /** When the suite had restored it. */
  readonly to: number;
  /** How long after `from` the gateways may need to notice, in ms. */
  readonly noticeMs: number;
  /** How many gateways there are. */
  readonly gateways: number;
}

/** While Redis is down, a 503 has to come within this time, in ms. */
const refuseWithinMs = 1000;
/** Everything has to work again this long after Redis is back, in ms. */
const backWithinMs = 2000;

/**
 * Judges whether the gateways answered 503 with `Retry-After` within a second while Redis was down, and
 * worked again within two seconds after it was back.
 * @returns how long after the outage the last gateway gave its first right answer, and what was not met.
 */
export function judgeOutage(
  records: readonly RequestRecord[],
  { from, to, noticeMs, gateways }: Outage,
): { readonly recoveryMs: number; readonly unmet: string[] } {
  const attempts = records.flatMap((record) => record.attempts);
  const during = attempts.filter(({ sent }) => sent >= from + noticeMs && sent <= to);
  // A request that is sent just before Redis is back may be accepted and answered.
  const refused = during.filter(({ result }) => !isSuccess(result));
  const unmet: string[] = [];
  const say = (what: string, some: readonly Attempt[]): void => {
    if (some.length === 0) return;
    const [first] = some;
    const took = first === undefined ? '' : `, e.g. after ${Math.round(first.ended - first.sent)} ms`;
    unmet.push(`${some.length} of ${during.length} sends while Redis was down ${what}${took}`);
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
  if (recovery > backWithinMs) {
    const each = firsts.map((first) => (first === undefined ? 'never' : Math.round(first))).join(', ');
    unmet.push(`the last gateway worked again ${Math.round(recovery)} ms after Redis was back (${each})`);
  }
  const late = attempts.filter(
    ({ ended, result }) => ended > to + backWithinMs && result.kind === 'answer' && result.status === 503,
  );
  if (late.length > 0) {
    const last = Math.round(Math.max(...late.map(({ ended }) => ended)) - to);
    unmet.push(
      `${late.length} answers of 503 came later than ${backWithinMs} ms after Redis was back, ` +
        `the last after ${last} ms`,
    );
  }
  return { recoveryMs: recovery, unmet };
}
