import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { signalIfThere, workerOf } from '../replica-faults.ts';
import { ownerAmong, underLoad, unexpectedCodes } from '../stage.ts';
import { recoveryMs, slowestBetween } from '../verdict.ts';

const replicas = 4;
const owner = ownerAmong(replicas);
/** How long each worker is frozen, in ms: well past its lease of 3 s, just past it, and just within it. */
const freezes = [5000, 3100, 2900] as const;
/** The lease, the controller's next check, and the start of a worker under load, in ms. */
const maxMs = 3000 + 500 + 2500;

export const replicaHangs: Scenario = {
  name: 'replica-hangs',
  description:
    'SIGSTOP of a worker for 5 s, of another for 3.1 s and of a third for 2.9 s (the lease is 3 s), then ' +
    `SIGCONT. A worker is replaced once its lease has expired: no answer takes ${maxMs} ms; every GET ` +
    'ends in 2xx, a POST in 2xx or 502 `outcome_unknown`.',
  run: async (context) => {
    const run = await underLoad(
      context,
      { gateways: 2, controllers: 1, replicas },
      async ({ cluster, load, fault }) => {
        for (const [at, ms] of freezes.entries()) {
          const replica = `S${at + 1}`;
          await fault(`freeze worker ${replica} for ${ms} ms`, async () => {
            const { pid } = await workerOf(cluster, replica);
            process.kill(pid, 'SIGSTOP');
            await delay(ms);
            signalIfThere(pid, 'SIGCONT');
          });
          await cluster.untilReady(replicas);
          await load.answered(300);
        }
      },
    );
    const { verdict, records, faults } = run;
    const slowest = Math.max(...faults.map(({ from, to }) => slowestBetween(records, from, to)));
    const first = faults[0];
    const unmet = [...run.unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])];
    if (slowest >= maxMs) unmet.push(`an answer took ${Math.round(slowest)} ms while a worker hung`);
    return {
      rows: [
        {
          what: `workers frozen for ${freezes.join(', ')} ms`,
          verdict,
          recoveryMs: first && recoveryMs(records, first.from, ({ key }) => owner(key) === 'S1'),
        },
      ],
      unmet,
    };
  },
};
