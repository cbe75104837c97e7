import { setTimeout as delay } from 'node:timers/promises';
import { mustChangeReplicas } from '../admin.ts';
import type { Cluster } from '../cluster.ts';
import { freePort } from '../free-port.ts';
import { gatewayMemoryMb, watchMemory } from '../memory.ts';
import { judgeOutage } from '../outage.ts';
import type { Scenario } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';

/** A temporary fault of Redis. */
interface RedisFault {
  readonly name: string;
  readonly description: string;
  /** How long the gateways may take to notice, in ms; undefined: they need not refuse anything. */
  readonly noticeMs: number | undefined;
  /** Runs before the fault. */
  prepare?(cluster: Cluster): Promise<void>;
  /** Injects the fault; resolves when Redis works again. */
  act(cluster: Cluster): Promise<void>;
}

const gateways = 2;
const replicas = 3;
/** The gateways' memory may grow by this much while Redis is down, in MiB. */
const maxGrowthMb = 100;

const faults: readonly RedisFault[] = [
  {
    name: 'redis-killed',
    description: 'kill -9 of Redis, and a restart from its append-only file a second later.',
    noticeMs: 200,
    act: async ({ store }) => {
      await store.kill();
      await delay(1000);
      await store.restart();
    },
  },
  {
    name: 'redis-hangs',
    description: 'SIGSTOP of Redis for 5 s, then SIGCONT.',
    noticeMs: 2500,
    act: async ({ store }) => {
      await store.freeze();
      await delay(5000);
      store.thaw();
    },
  },
  {
    name: 'redis-full',
    description: '`maxmemory` of Redis set below what it holds for 1.5 s.',
    noticeMs: 200,
    act: async ({ redis }) => {
      await redis.config('SET', 'maxmemory', '1mb');
      await delay(1500);
      await redis.config('SET', 'maxmemory', '0');
    },
  },
  {
    name: 'redis-read-only',
    description:
      'Redis made a replica of a master that does not exist, so that it refuses writes, for 1.5 s.',
    noticeMs: 200,
    act: async ({ redis }) => {
      await redis.replicaof('127.0.0.1', await freePort());
      await delay(1500);
      await redis.replicaof('NO', 'ONE');
    },
  },
  {
    name: 'connections-cut',
    description: '`CLIENT KILL TYPE normal` and `TYPE pubsub`, ten times within 3 s.',
    noticeMs: undefined,
    act: async ({ redis }) => {
      for (let time = 0; time < 10; time += 1) {
        await redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
        await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
        await delay(300);
      }
    },
  },
  {
    name: 'redis-flushed',
    description: '`FLUSHALL`: the queues, the ring, the leases and the desired replicas are gone.',
    noticeMs: undefined,
    act: async ({ redis }) => {
      await redis.flushall();
    },
  },
  {
    name: 'redis-flushed-added',
    description: '`FLUSHALL` after a replica was added. Its data is gone, so its worker is stopped.',
    noticeMs: undefined,
    prepare: async ({ targets: [url = ''] }) => {
      await mustChangeReplicas(url, 'add', ['S9']);
    },
    act: async ({ redis }) => {
      await redis.flushall();
    },
  },
];

function scenarioOf({ name, description, noticeMs, prepare, act }: RedisFault): Scenario {
  const refused =
    noticeMs === undefined
      ? ''
      : ' Meanwhile each request is answered 503 with `Retry-After` within 1 s, from ' +
        `${noticeMs} ms after the start of the fault.`;
  return {
    name,
    description:
      `${description}${refused} Within 2 s of its end all gateways work again and refuse nothing. Every ` +
      'GET ends in 2xx, a POST in 2xx or 502 `outcome_unknown`.',
    run: async (context) => {
      let memory = '';
      const unmet: string[] = [];
      const run = await underLoad(
        context,
        { gateways, controllers: 1, replicas, load: { alsoEveryMs: 20 } },
        async ({ cluster, load, fault }) => {
          await prepare?.(cluster);
          await load.answered(prepare === undefined ? 0 : 300);
          const before = await gatewayMemoryMb(cluster);
          const watched = watchMemory(cluster);
          await fault(name, () => act(cluster));
          await Promise.all([load.answered(1500), delay(3000)]);
          const { maxMb } = await watched();
          memory = `gateways' memory ${Math.round(before)} MiB before, ${Math.round(maxMb)} at most`;
          if (maxMb - before > maxGrowthMb) unmet.push(memory);
        },
      );
      const [outage] = run.faults;
      if (outage === undefined) throw new Error('the fault was not injected');
      const judged = judgeOutage(run.records, {
        ...outage,
        noticeMs: noticeMs ?? outage.to - outage.from,
        gateways,
      });
      return {
        rows: [
          {
            what: description.split(/[,.:](?: |$)/)[0] ?? name,
            verdict: run.verdict,
            recoveryMs: judged.recoveryMs,
            note: memory,
          },
        ],
        unmet: [
          ...run.unmet,
          ...unmet,
          ...judged.unmet,
          ...unexpectedCodes(run.verdict, ['outcome_unknown']),
        ],
      };
    },
  };
}

export const redisFaults: readonly Scenario[] = faults.map(scenarioOf);
