import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import type { Store } from '../store.ts';
import { recoveryMs } from '../verdict.ts';

/** Something that makes another server the master. */
interface Switch {
  readonly name: string;
  readonly description: string;
  /** Resolves when another server is the master. */
  act(store: Store): Promise<void>;
  /** Undoes it, so that the old master is a replica. */
  undo?(store: Store): Promise<void>;
}

const gateways = 2;
/** All gateways must work again this long after another server is the master, in ms. */
const backWithinMs = 5000;

const planned: Switch = {
  name: 'switched',
  description: 'The operator makes a replica the master.',
  act: async (store) => {
    await store.switchOver?.();
  },
};

const killed: Switch = {
  name: 'master-killed',
  description: 'kill -9 of the master; it is started again when a replica has taken over.',
  act: async (store) => {
    await store.kill();
    await store.untilReplaced?.();
  },
  undo: (store) => store.restart(),
};

const frozen: Switch = {
  name: 'master-frozen',
  description: 'SIGSTOP of the master, and SIGCONT when a replica has taken over.',
  act: async (store) => {
    await store.freeze();
    await store.untilReplaced?.();
  },
  undo: (store) => Promise.resolve(store.thaw()),
};

function scenarioOf(redis: 'sentinel' | 'cluster', { name, description, act, undo }: Switch): Scenario {
  const where =
    redis === 'sentinel' ? 'a master with two replicas and three sentinels' : 'a Cluster of six nodes';
  return {
    name: `${redis}-${name}`,
    description:
      `With ${where}: ${description} Within ${backWithinMs / 1000} s after another server is the master all ` +
      'gateways work again. Every GET ends in 2xx, a POST in 2xx or 502 `outcome_unknown`.',
    run: async (context) => {
      const run = await underLoad(
        context,
        { gateways, controllers: 1, replicas: 3, redis, load: { alsoEveryMs: 20 } },
        async ({ cluster, load, fault }) => {
          await fault(name, () => act(cluster.store));
          await delay(backWithinMs);
          await undo?.(cluster.store);
          await Promise.all([load.answered(1000), delay(3000)]);
        },
      );
      const [switched] = run.faults;
      if (switched === undefined) throw new Error('the fault was not injected');
      const { from, to } = switched;
      const firsts = Array.from({ length: gateways }, (_, target) =>
        recoveryMs(run.records, to, (_record, attempt) => attempt.target === target),
      );
      const recovery = Math.max(...firsts.map((first) => first ?? Number.POSITIVE_INFINITY));
      const note = `another master after ${((to - from) / 1000).toFixed(1)} s`;
      return {
        rows: [{ what: `${redis}: ${name}`, verdict: run.verdict, recoveryMs: recovery, note }],
        unmet: [
          ...run.unmet,
          ...(recovery > backWithinMs
            ? [`a gateway worked again only after ${Math.round(recovery)} ms`]
            : []),
          ...unexpectedCodes(run.verdict, ['outcome_unknown']),
        ],
      };
    },
  };
}

export const failover: readonly Scenario[] = [
  ...[planned, killed, frozen].map((each) => scenarioOf('sentinel', each)),
  ...[planned, killed, frozen].map((each) => scenarioOf('cluster', each)),
];
