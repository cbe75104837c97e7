import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import { ranTooLate } from '../verdict.ts';

/** A refusal has to come within this time on a machine that runs the whole cluster, in ms. */
const refuseWithinMs = 500;

export const overload: Scenario = {
  name: 'overload',
  description:
    'Far more requests than two slow replicas can handle, with `QUEUE_LIMIT=20` and ' +
    '`REPLY_TIMEOUT_MS=400`. The excess is refused with 503 `over_capacity` and `Retry-After` within ' +
    `${refuseWithinMs} ms. A request that was answered 504 never starts afterwards, and no refused request ` +
    'runs.',
  run: async (context) => {
    const run = await underLoad(
      context,
      {
        gateways: 2,
        controllers: 1,
        replicas: 2,
        mayRefuse: true,
        settings: { QUEUE_LIMIT: '20', REPLY_TIMEOUT_MS: '400', CONCURRENCY: '4' },
        load: { connections: 200, retries503: false, restMs: 50 },
      },
      async ({ fault }) => {
        await fault('overload', () => delay(6000));
      },
    );
    const { verdict, records, ledger } = run;
    const refusals = records.flatMap(({ attempts }) =>
      attempts.flatMap(({ sent, ended, result }) =>
        result.kind === 'answer' && result.code === 'over_capacity'
          ? [{ ms: ended - sent, retryAfter: result.retryAfter }]
          : [],
      ),
    );
    const slowest = Math.round(Math.max(0, ...refusals.map(({ ms }) => ms)));
    const late = ranTooLate(records, ledger);
    const unmet = [...run.unmet, ...unexpectedCodes(verdict, ['over_capacity', 'reply_timeout'])];
    if (refusals.length === 0) unmet.push('nothing was refused');
    if (refusals.some(({ retryAfter }) => retryAfter === undefined))
      unmet.push('a refusal had no Retry-After');
    if (slowest > refuseWithinMs) unmet.push(`a refusal took ${slowest} ms`);
    if (!verdict.failed.has('reply_timeout')) unmet.push('no deadline passed, so deadlines were not tested');
    if (late.length > 0)
      unmet.push(`${late.length} ran after their deadline: ${late[0]?.id} (${late[0]?.why})`);
    return {
      rows: [
        { what: '200 connections to two slow replicas', verdict, note: `slowest refusal ${slowest} ms` },
      ],
      unmet,
    };
  },
};
