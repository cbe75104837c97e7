import { leaderOf } from '../leader.ts';
import { killAndReplace, workerOf } from '../replica-faults.ts';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import { recoveryMs } from '../verdict.ts';

const replicas = 3;
/** The leader's lease, the other controller's next check, and the start of three workers at once, in ms. */
const maxMs = 3000 + 500 + 3500;

export const controllerKilled: Scenario = {
  name: 'controller-killed',
  description:
    'kill -9 of the leader of two controllers, which ends its workers with it, and then of a worker of the ' +
    `other one. The other controller replaces them all: no answer takes ${maxMs} ms; every GET ends in ` +
    '2xx, a POST in 2xx or 502 `outcome_unknown`.',
  run: async (context) => {
    const run = await underLoad(
      context,
      { gateways: 2, controllers: 2, replicas },
      async ({ cluster, load, fault }) => {
        const { pid } = await workerOf(cluster, 'S1');
        const leader = await leaderOf(cluster.controllers, pid);
        await fault(`kill -9 ${leader.name} and with it all workers`, async () => {
          await leader.program.end();
          await cluster.untilHealthy();
        });
        await load.answered(300);
        await fault('kill -9 worker S2', () => killAndReplace(cluster, 'S2'));
        await cluster.restart(leader);
        await load.answered(300);
      },
    );
    const { verdict, records, faults } = run;
    const unmet = [...run.unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])];
    if (verdict.slowestMs >= maxMs) unmet.push(`an answer took ${Math.round(verdict.slowestMs)} ms`);
    return {
      rows: [
        {
          what: 'the leading controller killed, then a worker',
          verdict,
          recoveryMs: faults[0] && recoveryMs(records, faults[0].from),
        },
      ],
      unmet,
    };
  },
};
