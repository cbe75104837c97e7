import { randomUUID } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { replicaOf } from '#shared/contract/request-id.ts';
import { keys } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';
import { now } from '../clock.ts';
import type { Load } from '../load.ts';
import { seededRandom } from '../random.ts';
import { killAndReplace } from '../replica-faults.ts';
import type { Scenario } from '../scenario.ts';
import { keysOf, underLoad, unexpectedCodes } from '../stage.ts';
import { ending, exchange } from './exchange.ts';
import { garbageJob, garblings, misplaced } from './garblings.ts';
import { generationsOf, replacedBetween } from './generations.ts';
import { sendAsync, fetchView, stateOf, untilFinal } from './handed-over.ts';

const replicas = 3;
/** A request whose job was moved aside ends at most this long after it was due, in ms. */
const endsWithinMs = 2000;
/** After each kind of garbage, requests of the load are answered within this time, in ms. */
const progressWithinMs = 5000;
/** If more than this is logged in a second, a process retries something forever, in bytes. */
const maxLoggedBytes = 200_000;

export const garbledRedis: Scenario = {
  name: 'garbled-redis',
  description:
    `Garbage in Redis: ${garblings.map(({ what }) => what).join(', ')}; a record that is not a hash; ` +
    'delayed jobs that are garbled; and garbage among the jobs that a worker held when it was killed. It ' +
    'is moved aside: no process ends because of it or retries it forever, and the load continues. ' +
    `A request whose job was garbled ends with \`outcome_unknown\` within ${endsWithinMs} ms.`,
  run: async (context) => {
    const unmet: string[] = [];
    const random = seededRandom(context.seed + 2);
    const run = await underLoad(
      context,
      { gateways: 2, controllers: 1, replicas },
      async ({ cluster, load, fault }) => {
        const [url = ''] = cluster.targets;
        const before = await generationsOf(cluster);
        for (const { what, act } of garblings) {
          await fault(what, async () => {
            await act(cluster);
            await expectProgress(load, what);
          });
        }
        const headers = { 'ringpost-key': keysOf(['S3'], replicas, random)() };
        await fault('delayed jobs that are garbled', async () => {
          unmet.push(...(await garbleDelayed(cluster, url, headers)));
        });
        await fault('a record that is not a hash', async () => {
          unmet.push(...(await garbleRecord(cluster, url, headers)));
        });
        const replaced = replacedBetween(before, await generationsOf(cluster));
        if (replaced.length > 0) unmet.push(`workers of ${replaced.join(', ')} were replaced`);
        await fault('garbage among the jobs that S2 holds, and kill -9 of its worker', async () => {
          const { id, act } = heldGarbage();
          await act(cluster);
          await killAndReplace(cluster, 'S2');
          await load.answered(200);
          if ((await cluster.redis.lpos(keys.unfinished('S2').active, id)) !== null)
            unmet.push('S2 still holds the garbage');
        });
        unmet.push(...(await settled(cluster, context.folder, url)));
      },
    );
    return {
      rows: [{ what: `${garblings.length + 3} kinds of garbage in Redis`, verdict: run.verdict }],
      unmet: [...run.unmet, ...unmet, ...unexpectedCodes(run.verdict, ['outcome_unknown'])],
    };
  },
};

/**
 * @throws Error if no request of the load is answered any more, since further faults would then show nothing.
 */
async function expectProgress(load: Load, what: string): Promise<void> {
  const timeout = new AbortController();
  const late = delay(progressWithinMs, true, { signal: timeout.signal }).catch(() => false);
  const stopped = await Promise.race([load.answered(60).then(() => false), late]);
  timeout.abort();
  if (stopped) throw new Error(`${what}: no progress within ${progressWithinMs} ms`);
}

const delayHeaders = { 'ringpost-delay': '1' };

/** Garbles the delayed jobs of a plain and of an async request. @returns what was not met. */
async function garbleDelayed(
  cluster: Cluster,
  url: string,
  key: Readonly<Record<string, string>>,
): Promise<string[]> {
  const unmet: string[] = [];
  const sentAt = now();
  const answered = exchange(url, `/garbled-${randomUUID()}`, {
    method: 'POST',
    body: 'x',
    headers: { ...key, ...delayHeaders },
    timeoutMs: 10_000,
  });
  const accepted = await sendAsync(url, `/garbled-${randomUUID()}`, { ...key, ...delayHeaders }, 'POST');
  await delay(200);
  const { delayed } = keys.unfinished('S3');
  for (const id of await cluster.redis.zrange(delayed, '0', '-1'))
    await cluster.redis.hset(keys.job('S3', id), 'data', '{"method":');
  const answer = await answered;
  if (ending(answer) !== '502 outcome_unknown')
    unmet.push(`a request whose job was garbled was answered ${ending(answer)}`);
  const late = now() - sentAt - 1000;
  if (late > endsWithinMs) unmet.push(`that answer came ${Math.round(late)} ms after it was due`);
  const end = stateOf(await untilFinal(accepted, endsWithinMs));
  if (end !== 'failed outcome_unknown') unmet.push(`an async request whose job was garbled is ${end}`);
  return unmet;
}

/** Replaces the record of a queued request by a string. @returns what was not met. */
async function garbleRecord(
  { redis }: Cluster,
  url: string,
  key: Readonly<Record<string, string>>,
): Promise<string[]> {
  const accepted = await sendAsync(url, `/garbled-${randomUUID()}`, { ...key, ...delayHeaders });
  const record = keys.request(replicaOf(accepted.id) ?? '', accepted.id);
  await redis.del(record);
  await redis.set(record, 'garbage');
  const answer = await fetch(accepted.self);
  await answer.body?.cancel();
  await delay(1500);
  const later = stateOf(await fetchView(accepted));
  return answer.status === 404 || answer.status === 200
    ? []
    : [`a request with a garbled record is answered ${answer.status}, then ${later}`];
}

/** @returns a garbage job that can be put among the jobs that S2 holds. */
function heldGarbage(): { readonly id: string; act(cluster: Cluster): Promise<void> } {
  const id = `${randomUUID()}.S2`;
  return {
    id,
    act: async ({ redis }) => {
      await redis.hset(keys.job('S2', id), { name: 'dispatch', data: 'null', opts: '{}' });
      await redis.lpush(keys.unfinished('S2').active, id);
    },
  };
}

/** @returns sentences on effects of the garbage that are still visible. */
async function settled(cluster: Cluster, folder: string, url: string): Promise<string[]> {
  const unmet: string[] = [];
  // One more garbage job must not matter.
  await garbageJob('S1', 0).act(cluster);
  await cluster.untilReady(replicas);
  const named = await fetch(`${url}/rep`).then((answer) => answer.text());
  if (!named.includes('"replicas":["S1","S2","S3"]')) unmet.push(`/rep says ${named}`);
  const place = await cluster.redis.hget(keys.desired, misplaced);
  if (place?.endsWith('}') !== true) unmet.push(`the place of ${misplaced} is still ${place}`);
  const ring = await fetch(`${url}/-/ring`);
  await ring.body?.cancel();
  if (ring.status !== 200) unmet.push(`/-/ring is answered ${ring.status}`);
  const before = await logged(folder);
  await delay(1000);
  const more = (await logged(folder)) - before;
  if (more > maxLoggedBytes) unmet.push(`${more} bytes were logged in a second`);
  return unmet;
}

async function logged(folder: string): Promise<number> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
