import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import type { Run } from '../stage.ts';
import { recoveryMs } from '../verdict.ts';

/** @returns a sentence if a connection to a gateway other than the first one broke. */
function otherConnectionsBroke({ records }: Run): string[] {
  const broke = records.filter(({ attempts }) =>
    attempts.some(({ result, target }) => result.kind === 'broken' && target !== 0),
  );
  return broke.length === 0
    ? []
    : [`${broke.length} connections to other gateways broke, e.g. of ${broke[0]?.id}`];
}

export const gatewayKilled: Scenario = {
  name: 'gateway-killed',
  description:
    'kill -9 of one of three gateways, which is restarted at once. Only its own connections break: every ' +
    'GET ends in 2xx at another gateway, a POST in 2xx or a lost connection.',
  run: async (context) => {
    const run = await underLoad(
      context,
      { gateways: 3, controllers: 1, replicas: 3 },
      async ({ cluster, load, fault }) => {
        const [victim] = cluster.gateways;
        if (victim === undefined) throw new Error('there is no gateway');
        for (let time = 0; time < 2; time += 1) {
          await fault('kill -9 gateway-1', async () => {
            await victim.program.end();
            await cluster.restart(victim);
          });
          await load.answered(800);
        }
      },
    );
    const { verdict, records, faults } = run;
    return {
      rows: [
        {
          what: 'one of three gateways killed, twice',
          verdict,
          recoveryMs: Math.max(
            ...faults.map(
              ({ from }) =>
                recoveryMs(records, from, (_, { target }) => target === 0) ?? Number.POSITIVE_INFINITY,
            ),
          ),
        },
      ],
      unmet: [...run.unmet, ...otherConnectionsBroke(run), ...unexpectedCodes(verdict, ['connection_lost'])],
    };
  },
};

export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  description:
    'SIGTERM of each of three gateways in turn, each restarted on its port, then SIGTERM of the worker of ' +
    'each replica. No request fails if its client retries refused connections. If a connection closes just ' +
    'as a POST is sent on it (RFC 9112 9.5), its client counts the POST as lost; no such POST ran.',
  run: async (context) => {
    const codes: (number | null)[] = [];
    const run = await underLoad(
      context,
      { gateways: 3, controllers: 1, replicas: 3 },
      async ({ cluster, load, fault }) => {
        for (const member of cluster.gateways) {
          await fault(`SIGTERM ${member.name}`, async () => {
            member.program.kill('SIGTERM');
            codes.push((await member.program.exited).code);
            await cluster.restart(member);
          });
          await load.answered(300);
        }
        for (const replica of await cluster.desired()) {
          await fault(`SIGTERM worker ${replica}`, async () => {
            const lease = await cluster.lease(replica);
            if (lease === undefined) throw new Error(`${replica} has no worker`);
            process.kill(lease.pid, 'SIGTERM');
            await cluster.untilReplaced(replica, lease.generation);
          });
          await load.answered(300);
        }
      },
    );
    const { verdict } = run;
    const unmet = [...run.unmet, ...unexpectedCodes(verdict, ['connection_lost'])];
    if (verdict.broken.done.length > 0)
      unmet.push(
        `${verdict.broken.done.length} POSTs ran and were never answered, e.g. ${verdict.broken.done[0]}`,
      );
    if (codes.some((code) => code !== 0)) unmet.push(`gateways ended with ${codes.join(', ')}`);
    return {
      rows: [
        {
          what: 'all gateways and all workers restarted in turn',
          verdict,
          note: `${verdict.broken.notDone.length} POSTs on connections that closed, none of which ran`,
        },
      ],
      unmet,
    };
  },
};
