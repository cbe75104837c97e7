import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../cluster.ts';
import { namespace } from '../private-store.ts';
import { seededRandom } from '../random.ts';
import type { Random } from '../random.ts';
import { killAndReplace, signalIfThere, workerOf } from '../replica-faults.ts';
import type { Scenario } from '../scenario.ts';
import { underLoad } from '../stage.ts';
import { StreamLoad } from './stream-load.ts';
import type { Manner } from './stream-reader.ts';
import type { StreamRecord } from './stream-record.ts';
import { alwaysUnmetOfStreams, hitOf, judgeStreams, streamNote } from './stream-verdict.ts';

const gateways = 2;
const replicas = 3;
const streamCount = 200;
/** Which part of the streams is kept. */
export const keptShare = 0.3;
/** So many streams end cleanly before the fault, and as many after it. */
const aroundFault = 100;

/** Something that is done in the middle of the streams. */
interface StreamFault {
  readonly name: string;
  /** What is done, as the row of the report says it. */
  readonly what: string;
  /** What is expected besides. */
  readonly expected: string;
  /** Injects the fault; resolves when it is over. */
  act(cluster: Cluster): Promise<void>;
  /** The streams that it must not break; none by default. */
  readonly spares?: (record: StreamRecord) => boolean;
  /** What clients of live streams do. */
  readonly manner?: (random: Random, bytes: number) => Manner;
}

const all = (): boolean => true;

/** Stops a process for a while. */
async function freeze(pid: number, ms: number): Promise<void> {
  signalIfThere(pid, 'SIGSTOP');
  await delay(ms);
  signalIfThere(pid, 'SIGCONT');
}

/** Cuts the connections that a role has to Redis, several times. */
async function cut({ redis }: Cluster, role: 'worker' | 'gateway'): Promise<void> {
  for (let time = 0; time < 5; time += 1) {
    await redis.call('CLIENT', 'KILL', 'USER', `${namespace}-${role}`);
    await delay(400);
  }
}

const faults: readonly StreamFault[] = [
  {
    name: 'worker-killed',
    what: 'kill -9 of two workers, one after the other',
    expected: 'Only streams of their replicas break.',
    act: async (cluster) => {
      for (const replica of ['S1', 'S2']) await killAndReplace(cluster, replica);
    },
    spares: ({ replica }) => replica === 'S3',
  },
  {
    name: 'worker-frozen',
    what: 'SIGSTOP of a worker for 5 s, past its lease',
    expected: 'Only streams of its replica break, and nothing comes of what it sends when it wakes up.',
    act: async (cluster) => {
      await freeze((await workerOf(cluster, 'S1')).pid, 5000);
      await cluster.untilReady(replicas);
    },
    spares: ({ replica }) => replica !== 'S1',
  },
  {
    name: 'worker-paused',
    what: 'SIGSTOP of a worker for 1.5 s, within its lease',
    expected: 'No stream breaks.',
    act: async (cluster) => freeze((await workerOf(cluster, 'S1')).pid, 1500),
    spares: all,
  },
  {
    name: 'worker-cut',
    what: "the workers' connections to Redis cut, five times",
    expected: 'No stream breaks.',
    act: (cluster) => cut(cluster, 'worker'),
    spares: all,
  },
  {
    name: 'gateway-killed',
    what: 'kill -9 of one of two gateways',
    expected: 'Only its own streams break.',
    act: async (cluster) => {
      const [victim] = cluster.gateways;
      if (victim === undefined) throw new Error('there is no gateway');
      await victim.program.end();
      await cluster.restart(victim);
    },
    spares: ({ target }) => target !== 0,
  },
  {
    name: 'gateway-frozen',
    what: 'SIGSTOP of one of two gateways for 4 s',
    expected: 'No stream breaks.',
    act: (cluster) => freeze(cluster.gateways[0]?.program.pid ?? 0, 4000),
    spares: all,
  },
  {
    name: 'gateway-cut',
    what: "the gateways' connections to Redis cut, five times",
    expected: 'A stream goes on without a gap, or breaks.',
    act: (cluster) => cut(cluster, 'gateway'),
  },
  {
    name: 'redis-killed',
    what: 'kill -9 of Redis, and a restart a second later',
    expected: 'A stream goes on without a gap, or breaks.',
    act: async ({ store }) => {
      await store.kill();
      await delay(1000);
      await store.restart();
    },
  },
  {
    name: 'redis-frozen',
    what: 'SIGSTOP of Redis for 3 s',
    expected: 'A stream goes on without a gap, or breaks.',
    act: async ({ store }) => {
      await store.freeze();
      await delay(3000);
      store.thaw();
    },
  },
  {
    name: 'redis-full',
    what: '`maxmemory` of Redis below what it holds for 1.5 s',
    expected: 'No stream breaks.',
    act: async ({ redis }) => {
      await redis.config('SET', 'maxmemory', '1mb');
      await delay(1500);
      await redis.config('SET', 'maxmemory', '0');
    },
    spares: all,
  },
  {
    name: 'clients',
    what: 'a third of the clients leave in the middle, and a third read nothing for 2 s',
    expected: 'No other stream breaks.',
    act: () => delay(5000),
    spares: all,
    manner: (random, bytes) => {
      const middle = random.between(1, bytes);
      switch (random.between(1, 3)) {
        case 1:
          return { leavesAfter: middle };
        case 2:
          return { restsAfter: { bytes: middle, ms: 2000 } };
        default:
          return {};
      }
    },
  },
];

function scenarioOf({ name, what, expected, act, spares, manner }: StreamFault): Scenario {
  return {
    name: `streams-${name}`,
    description:
      `${streamCount} streams at each time, and ${what}. ${expected} Every byte is the right one at its ` +
      'place, no stream that ended cleanly is short, each one ends, and no job is left.',
    run: async (context) => {
      const unmet: string[] = [];
      let records: readonly StreamRecord[] = [];
      const run = await underLoad(
        context,
        {
          gateways,
          controllers: 1,
          replicas,
          load: { connections: 8, workMs: 50 },
          warmUp: 50,
          // The ordinary requests are only there to be beside the streams. Other families judge them.
          mayRefuse: true,
        },
        async ({ cluster, random, fault }) => {
          const streams = new StreamLoad({
            targets: cluster.targets,
            streams: streamCount,
            random: seededRandom(context.seed + 2),
            kept: keptShare,
            ...(manner && { manner: (bytes: number) => manner(random, bytes) }),
          });
          streams.start();
          await streams.ended(aroundFault);
          const injected = await fault(what, () => act(cluster));
          await streams.ended(aroundFault);
          records = await streams.stop();
          if (spares !== undefined) unmet.push(...hitOf(records, injected, spares));
        },
      );
      const verdict = judgeStreams(records);
      return {
        rows: [{ what, verdict: run.verdict, note: streamNote(verdict) }],
        unmet: [...run.unmet, ...unmet, ...alwaysUnmetOfStreams(verdict)],
      };
    },
  };
}

export const streams: readonly Scenario[] = faults.map(scenarioOf);
