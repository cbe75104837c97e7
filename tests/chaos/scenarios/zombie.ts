import { setTimeout as delay } from 'node:timers/promises';
import { leaderOf } from '../leader.ts';
import { signalIfThere, workerOf } from '../replica-faults.ts';
import type { Scenario } from '../scenario.ts';
import { ownerAmong, underLoad, unexpectedCodes } from '../stage.ts';
import { recoveryMs } from '../verdict.ts';

const replicas = 3;
const owner = ownerAmong(replicas);

export const zombie: Scenario = {
  name: 'zombie',
  description:
    'The leading controller and one of its workers are frozen. The other controller starts another worker ' +
    'for that replica. Then the frozen ones are resumed, so that two workers of one replica run. The old ' +
    'worker runs and answers nothing: every GET ends in 2xx, a POST in 2xx or 502 `outcome_unknown`.',
  run: async (context) => {
    let resumedAt = 0;
    let pid = 0;
    const run = await underLoad(
      context,
      { gateways: 2, controllers: 2, replicas },
      async ({ cluster, load, fault }) => {
        const worker = await workerOf(cluster, 'S1');
        ({ pid } = worker);
        const leader = await leaderOf(cluster.controllers, pid);
        await fault('freeze the leading controller and worker S1', async () => {
          leader.program.kill('SIGSTOP');
          process.kill(pid, 'SIGSTOP');
          await cluster.untilReplaced('S1', worker.generation);
          signalIfThere(pid, 'SIGCONT');
          resumedAt = Date.now();
          await delay(500);
          leader.program.kill('SIGCONT');
        });
        await load.answered(1500);
        await cluster.untilReady(replicas);
      },
    );
    const { verdict, records, faults, ledger } = run;
    const [fault] = faults;
    const ran = ledger.filter((line) => line.pid === pid && line.at > resumedAt);
    const unmet = [...run.unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])];
    if (ran.length > 0)
      unmet.push(
        `the old worker (pid ${pid}) started ${ran.length} requests after it resumed, e.g. ${ran[0]?.id}`,
      );
    return {
      rows: [
        {
          what: 'a worker and its controller frozen, then two workers of one replica',
          verdict,
          recoveryMs: fault && recoveryMs(records, fault.from, ({ key }) => owner(key) === 'S1'),
        },
      ],
      unmet,
    };
  },
};
