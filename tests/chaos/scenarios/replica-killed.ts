import { killAndReplace } from '../replica-faults.ts';
import type { Scenario } from '../scenario.ts';
import { ownerAmong, underLoad, unexpectedCodes } from '../stage.ts';
import { recoveryMs, slowestBetween } from '../verdict.ts';

const replicas = 5;
const owner = ownerAmong(replicas);

export const replicaKilled: Scenario = {
  name: 'replica-killed',
  description:
    'kill -9 of the worker of each of five replicas in turn, under 64 connections. Every GET ends in 2xx, ' +
    'a POST in 2xx or 502 `outcome_unknown`; no answer takes 2 s.',
  run: async (context) => {
    const run = await underLoad(
      context,
      { gateways: 2, controllers: 1, replicas },
      async ({ cluster, load, fault }) => {
        for (const replica of await cluster.desired()) {
          await fault(`kill -9 worker ${replica}`, () => killAndReplace(cluster, replica));
          await load.answered(600);
        }
      },
    );
    const { verdict, records, faults } = run;
    const recoveries = faults.map(({ what, from }) =>
      recoveryMs(records, from, ({ key }) => what.endsWith(` ${owner(key)}`)),
    );
    const slowest = Math.max(...faults.map(({ from, to }) => slowestBetween(records, from, to)));
    const isLate = slowest >= 2000;
    return {
      rows: [
        {
          what: `${faults.length} workers killed, one after the other`,
          verdict,
          note: `${verdict.idempotentFailed.length} GETs not answered with 2xx`,
          recoveryMs: Math.max(...recoveries.map((each) => each ?? Number.POSITIVE_INFINITY)),
        },
      ],
      unmet: [...run.unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])],
      late: isLate ? [`an answer took ${Math.round(slowest)} ms while a worker was killed`] : [],
    };
  },
};
