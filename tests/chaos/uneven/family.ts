import { lackOfSettings } from '../../fixtures/known-settings.ts';
import type { ClusterOptions } from '../cluster.ts';
import type { Scenario } from '../scenario.ts';
import { keysOf, underLoad, unexpectedCodes } from '../stage.ts';
import { seededRandom } from '../random.ts';
import type { RequestRecord } from '../record.ts';
import {
  busyReplica,
  cutRedis,
  ejectAndKill,
  everything,
  hotKey,
  killGateway,
  killWhileRetrying,
  killWorkers,
  replicas,
  scaleAndKill,
  slowReplica,
  wakeAndKill,
} from './faults.ts';
import type { Scene } from './faults.ts';

/** A way in which load is moved between replicas, and what is done meanwhile. */
interface UnevenScenario {
  readonly name: string;
  readonly what: string;
  readonly settings: NodeJS.ProcessEnv;
  /** Which part of the requests has the hot key. */
  readonly hotShare: number;
  /** Whether only the keys of {@link busyReplica} are used at first. */
  readonly startsNarrow?: boolean;
  readonly options?: Partial<ClusterOptions>;
  /** The codes with which requests may end, besides 502 `outcome_unknown`. */
  readonly mayEndWith?: readonly string[];
  act(scene: Scene): Promise<void>;
}

const loose = { AFFINITY: 'loose', CONCURRENCY: '4' } as const;
const ejecting = {
  OUTLIER_DETECTION: 'on',
  OUTLIER_SLOW_FACTOR: '3',
  OUTLIER_MIN_REQUESTS: '5',
  OUTLIER_INTERVAL_MS: '1000',
  OUTLIER_BASE_EJECTION_MS: '2000',
} as const;
const sleeping = { SLEEP_AFTER_S: '1' } as const;
const scaling = { AUTOSCALE: '2..5', CONCURRENCY: '4' } as const;

const hot = 'one key has 40 % of the requests and no replica may run more than four at once';

const scenarios: readonly UnevenScenario[] = [
  {
    name: 'spill-worker-killed',
    what: `\`AFFINITY=loose\`, ${hot}: kill -9 of the worker that owns the key, of another one, and again.`,
    settings: loose,
    hotShare: 0.4,
    act: killWorkers,
  },
  {
    name: 'spill-gateway-killed',
    what: `\`AFFINITY=loose\`, ${hot}: kill -9 of one of three gateways, twice.`,
    settings: loose,
    hotShare: 0.4,
    options: { gateways: 3 },
    mayEndWith: ['connection_lost'],
    act: killGateway,
  },
  {
    name: 'spill-connections-cut',
    what: `\`AFFINITY=loose\`, ${hot}: all connections to Redis cut ten times within 3 s.`,
    settings: loose,
    hotShare: 0.4,
    act: cutRedis,
  },
  {
    name: 'retries-moved',
    what:
      `\`AFFINITY=loose\`, \`ATTEMPTS=5\`, ${hot}; three of ten GETs are answered 503 at first and run ` +
      'again where their key selects: kill -9 of workers, then of a gateway, and connections to Redis cut.',
    settings: { ...loose, ATTEMPTS: '5', FAILING_SHARE: '0.3' },
    hotShare: 0.4,
    options: { gateways: 3 },
    mayEndWith: ['connection_lost'],
    act: killWhileRetrying,
  },
  {
    name: 'ejected-worker-killed',
    what:
      'One replica takes eight times as long as the others and is ejected: kill -9 of its worker while it ' +
      'is ejected, twice, then of a gateway, twice.',
    settings: { ...ejecting, SLOW_REPLICA: `${slowReplica}*8` },
    hotShare: 0,
    mayEndWith: ['connection_lost'],
    act: ejectAndKill,
  },
  {
    name: 'woken-worker-killed',
    what:
      'Four of five replicas sleep and are woken by requests at once: kill -9 of the first worker that ' +
      'starts, then of the leading controller with all of its workers.',
    settings: sleeping,
    hotShare: 0,
    startsNarrow: true,
    options: { controllers: 2 },
    act: wakeAndKill,
  },
  {
    name: 'scaled-workers-killed',
    what:
      '`AUTOSCALE=2..5` and more load than two replicas can bear: kill -9 of a worker, and of the leading ' +
      'controller with all of its workers once replicas are added.',
    settings: scaling,
    hotShare: 0,
    options: { controllers: 2, replicas: 2 },
    act: scaleAndKill,
  },
  {
    name: 'all-of-it',
    what:
      'Spill, ejection, sleep and scaling at once: kill -9 of workers, of a gateway and of the leading ' +
      'controller, and connections to Redis cut.',
    settings: {
      ...ejecting,
      ...sleeping,
      ...loose,
      AUTOSCALE: '5..6',
      SLOW_REPLICA: `${slowReplica}*3`,
    },
    hotShare: 0.4,
    options: { gateways: 3, controllers: 2 },
    mayEndWith: ['connection_lost'],
    act: everything,
  },
];

/** What the suite's own handler reads. */
const ofHandler = new Set(['SLOW_REPLICA', 'FAILING_SHARE']);

function scenarioOf({
  name,
  what,
  settings,
  hotShare,
  startsNarrow = false,
  options = {},
  mayEndWith = [],
  act,
}: UnevenScenario): Scenario {
  const ends = ['`outcome_unknown`', ...mayEndWith.map((code) => `\`${code}\``)].join(' or ');
  return {
    name,
    description: `${what} Every GET ends in 2xx; a POST in 2xx or with ${ends}, and it never runs twice.`,
    missing: () => lackOfSettings(Object.keys(settings).filter((each) => !ofHandler.has(each))),
    run: async (context) => {
      const random = seededRandom(context.seed);
      const narrow = keysOf([busyReplica], replicas, random);
      let isNarrow = startsNarrow;
      const anyKey = (): string => (random.next() < hotShare ? hotKey : `key-${random.between(0, 999_999)}`);
      const notes: string[] = [];
      const run = await underLoad(
        context,
        {
          gateways: 2,
          controllers: 1,
          replicas,
          ...options,
          settings,
          load: { key: () => (isNarrow ? narrow() : anyKey()) },
        },
        (stage) =>
          act({
            ...stage,
            widen: () => (isNarrow = false),
            note: (words) => notes.push(words),
          }),
      );
      const { verdict, records } = run;
      const spilled = spilledOf(records);
      const spills = settings['AFFINITY'] === 'loose';
      const unmet = [...run.unmet, ...unexpectedCodes(verdict, ['outcome_unknown', ...mayEndWith])];
      if (spills && spilled === 0) unmet.push('no request was spilled, so spilling was not tested');
      if (spills) notes.push(`${spilled} answers from a replica that does not own the key`);
      return { rows: [{ what: name, verdict, note: notes.join('; ') }], unmet };
    },
  };
}

/** @returns how many answers say that they were spilled. */
function spilledOf(records: readonly RequestRecord[]): number {
  return records.filter(({ attempts }) =>
    attempts.some(({ result }) => result.kind === 'answer' && result.spilledFrom !== undefined),
  ).length;
}

export const unevenLoad: readonly Scenario[] = scenarios.map(scenarioOf);
