import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { jobName } from '#shared/contract/job.ts';
import type { JobData } from '#shared/contract/job.ts';
import { keys } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';
import { now } from '../clock.ts';
import { readLedger } from '../ledger.ts';
import { seededRandom } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { keysOf, underLoad, unexpectedCodes } from '../stage.ts';

const replicas = 3;
/** The watchdog checks every second and wakes the consumer at the second check; plus a margin, in ms. */
const maxMs = 3500;

export const silentStop: Scenario = {
  name: 'silent-stop',
  description:
    'A job is added to the queue of an idle replica without the marker that wakes its worker. The watchdog ' +
    `finds it, and it runs within ${maxMs} ms. Nothing else would find it.`,
  run: async (context) => {
    const id = randomUUID();
    let found: number | undefined;
    const run = await underLoad(
      context,
      {
        gateways: 2,
        controllers: 1,
        replicas,
        load: { connections: 32, key: keysOf(['S2', 'S3'], replicas, seededRandom(context.seed + 2)) },
      },
      async ({ cluster, fault }) => {
        await fault('a job without a wake-up for S1', async () => {
          await addSilently(cluster, id);
          const added = now();
          while (found === undefined && now() - added < 10_000) {
            const lines = await readLedger(cluster.ledgerDirectory);
            if (lines.some((line) => line.id === id)) found = now() - added;
            await delay(20);
          }
        });
      },
    );
    const unmet = [...run.unmet, ...unexpectedCodes(run.verdict, [])];
    if (found === undefined) unmet.push('the job without a wake-up never ran');
    else if (found > maxMs) unmet.push(`the job without a wake-up ran after ${Math.round(found)} ms`);
    return {
      rows: [{ what: 'a job whose wake-up was lost', verdict: run.verdict, recoveryMs: found }],
      unmet,
    };
  },
};

/** Adds a job as BullMQ does, but without the marker. */
async function addSilently({ redis }: Cluster, id: string): Promise<void> {
  const data: JobData = {
    method: 'GET',
    target: `/${id}`,
    headers: [],
    gateway: 'nobody',
    deadline: Date.now() + 20_000,
    redelivery: 'safe',
  };
  await redis.hset(keys.job('S1', id), {
    name: jobName,
    data: JSON.stringify(data),
    opts: '{}',
    timestamp: Date.now(),
    delay: 0,
    priority: 0,
  });
  await redis.lpush(keys.unfinished('S1').wait, id);
}
