import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadOptions } from '../load.ts';
import { seededRandom } from '../random.ts';
import type { Random } from '../random.ts';
import type { RequestRecord } from '../record.ts';
import { soakOf } from '../scenarios/soak.ts';
import type { Shown } from '../scenarios/soak.ts';
import type { Choose } from '../soak-fault.ts';
import { addOrRemove, anyKinds } from '../soak-faults.ts';
import { keysOf } from '../stage.ts';
import { busyReplica, slowReplica } from './faults.ts';

const replicas = 4;
const connections = 64;

const settings = {
  AFFINITY: 'loose',
  CONCURRENCY: '4',
  KEY_RATE: '15/s',
  KEY_CONCURRENCY: '3',
  SLOW_START_MS: '3000',
  OUTLIER_DETECTION: 'on',
  OUTLIER_SLOW_FACTOR: '3',
  OUTLIER_MIN_REQUESTS: '5',
  OUTLIER_INTERVAL_MS: '1000',
  OUTLIER_BASE_EJECTION_MS: '3000',
  SLEEP_AFTER_S: '1',
  // Poison requests meet at few replicas more often, and those that ran with them wait for each crash loop.
  REPLY_TIMEOUT_MS: '50000',
  SLOW_REPLICA: `${slowReplica}*6`,
};
/** The one that leads adds replicas up to its number, or removes those that are too many for it. */
const ranges: ReadonlyMap<string, string> = new Map([
  ['controller-1', '3..6'],
  ['controller-2', '3..5'],
]);

/** Few requests with two keys, so that the other replicas sleep; then many, so that all wake. In ms. */
const phases = { quiet: 10_000, busy: 18_000 };
const quietConnections = 4;
const hotKeys = 6;
const hotShare = 0.4;

function loadOf(seed: number): Partial<LoadOptions> {
  const random = seededRandom(seed);
  const newHotKey = keysOf([busyReplica], replicas, random);
  const hot = Array.from({ length: hotKeys }, newHotKey);
  const startedAt = performance.now();
  const isQuiet = (): boolean =>
    (performance.now() - startedAt) % (phases.quiet + phases.busy) < phases.quiet;
  return {
    inUse: () => (isQuiet() ? quietConnections : connections),
    key: () => {
      if (isQuiet()) return random.pick(['quiet-1', 'quiet-2']);
      return random.next() < hotShare ? random.pick(hot) : `key-${random.between(0, 999_999)}`;
    },
  };
}

/** It may fail because the gateway or Redis is down. The soak does not depend on it. */
async function tell(url: string, method: 'POST' | 'PUT', path: string, body?: object): Promise<void> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  await fetch(url + path, { method, headers: { 'content-type': 'application/json' }, ...json })
    .then((answer) => answer.body?.cancel())
    .catch(() => undefined);
}

/** A change by an operator stops autoscaling, until it is asked to go on. */
const scaleAgain = async (url: string, random: Random): Promise<void> => {
  await delay(random.between(500, 4000));
  await tell(url, 'PUT', '/-/api/autoscale', { enabled: true });
};

const change: Choose = (playground) => addOrRemove((url) => scaleAgain(url, playground.random))(playground);

const drain: Choose = async ({ cluster, random, meanwhile }) => {
  const { url } = random.pick(cluster.gateways);
  const name = random.pick(await cluster.desired());
  const ms = random.between(500, 4000);
  const act = async (): Promise<void> =>
    meanwhile(async () => {
      await tell(url, 'POST', `/-/api/replicas/${name}/drain`);
      await delay(ms);
      // A replica that stays drained would not be healthy in the end.
      for (const gateway of cluster.targets) await tell(gateway, 'POST', `/-/api/replicas/${name}/resume`);
    });
  return { kind: 'drain', detail: `${name} for ${ms} ms`, act };
};

const weigh: Choose = async ({ cluster, random }) => {
  const { url } = random.pick(cluster.gateways);
  const name = random.pick(await cluster.desired());
  const weight = random.between(1, 3);
  const act = (): Promise<void> => tell(url, 'PUT', `/-/api/replicas/${name}/weight`, { weight });
  return { kind: 'weight', detail: `${name} ${weight}`, act };
};

/** What the logs of the controllers say, by a pattern of the messages. */
const happenings = {
  'put to sleep': /^sleep S/,
  woken: /^start .*: (a request waits for it|a delayed request)/,
  ejected: / is ejected until /,
  returned: / is no longer ejected: it answered a probe/,
  'changes of the number of replicas': /^autoscaling (added|removed) /,
} as const;

async function show(records: readonly RequestRecord[], folder: string): Promise<Shown> {
  const logs = (await readdir(folder)).filter((file) => file.startsWith('controller-'));
  const texts = await Promise.all(logs.map((file) => readFile(join(folder, file), 'utf8')));
  const messages = texts.flatMap((text) =>
    text.split('\n').flatMap((line) => /"msg":"((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? []),
  );
  const counts = new Map<string, number>(
    Object.entries(happenings).map(([what, pattern]) => [
      what,
      messages.filter((message) => pattern.test(message)).length,
    ]),
  );
  const results = records.flatMap(({ attempts }) => attempts.map(({ result }) => result));
  const answers = results.filter((result) => result.kind === 'answer');
  counts.set('spilled', answers.filter(({ spilledFrom }) => spilledFrom !== undefined).length);
  counts.set('refused for their rate', answers.filter(({ status }) => status === 429).length);
  return {
    notes: Array.from(counts, ([what, count]) => `${count} ${what}`),
    unmet: Array.from(counts).flatMap(([what, count]) =>
      count > 0 ? [] : [`0 ${what}, so that was not tested`],
    ),
  };
}

/** A wake, a slow replica and the limit of a key all take time besides the replacement of a worker, in ms. */
const aloneMs = 5000;

export const soakEverything = soakOf({
  name: 'soak-everything',
  what:
    'The soak with everything on that moves load: `AFFINITY=loose`, `KEY_RATE`, `KEY_CONCURRENCY`, ' +
    '`SLOW_START_MS`, `OUTLIER_DETECTION`, `AUTOSCALE` and `SLEEP_AFTER_S`, with six hot keys of one replica ' +
    'that have 40 % of the requests, and one replica that takes six times as long. Every half a minute there ' +
    'are ten seconds with four connections and two keys, in which idle replicas sleep. The controllers have ' +
    'different ranges, so that the number of replicas changes with the one that leads. The faults are those ' +
    'of the soak, and drains and changes of weights. A replica that sleeps, or is ejected or drained, counts ' +
    'as healthy. A request that gets 429 is sent again like one that gets 503, and must not have run. ' +
    'Requests of a hot key wait for each other, so a kill is not judged by those that a later fault delayed.',
  replicas,
  kinds: [...anyKinds, change, change, drain, weigh],
  aloneMs,
  limitsKeys: true,
  settings,
  settingsOf: (member) => {
    const range = ranges.get(member);
    return range === undefined ? {} : { AUTOSCALE: range };
  },
  load: loadOf,
  shows: ({ records }, folder) => show(records, folder),
});
