import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { badPath } from '../bad-work.ts';
import { now } from '../clock.ts';
import { seededRandom } from '../random.ts';
import { endedAt, finalResult, isSuccess } from '../record.ts';
import { workerOf } from '../replica-faults.ts';
import type { Scenario } from '../scenario.ts';
import { keysOf, ownerAmong, underLoad, unexpectedCodes } from '../stage.ts';
import { ending, exchange } from './exchange.ts';
import { generationsOf, replacedBetween, startsOf } from './generations.ts';
import { strayFailures } from './poison-verdict.ts';

const replicas = 3;
const owner = ownerAmong(replicas);
/** Between the lease (3 s) and the stall, in ms. */
const longMs = 4500;
const stallMs = 6000;
/** The stall, the controller's next check, and the start of a worker under load, in ms. */
const maxMs = stallMs + 500 + 5000;

export const computingHandlers: Scenario = {
  name: 'computing-handlers',
  description:
    `A GET and a POST block the event loops of two replicas for ${longMs} ms, longer than the lease (3 s). ` +
    'They are answered, nothing is lost and no worker is replaced. Then a POST blocks a third for longer ' +
    `than \`HANDLER_STALL_MS=${stallMs}\`. It is answered 502 \`outcome_unknown\` and its worker is ` +
    'replaced. Only POSTs that were running beside it end in 502 `outcome_unknown`; every GET ends in 2xx, ' +
    `and no answer takes ${maxMs} ms.`,
  run: async (context) => {
    const unmet: string[] = [];
    const random = seededRandom(context.seed + 2);
    const key = (replica: string): Record<string, string> => ({
      'ringpost-key': keysOf([replica], replicas, random)(),
    });
    let stalledAt = 0;
    let stalledPid = 0;
    const run = await underLoad(
      context,
      {
        gateways: 2,
        controllers: 1,
        replicas,
        settings: { HANDLER_STALL_MS: String(stallMs) },
      },
      async ({ cluster, load, fault }) => {
        const [url = ''] = cluster.targets;
        const compute = (ms: number): string => badPath(`computing-${randomUUID()}`, 'computes', ms);
        const before = await generationsOf(cluster);
        await fault(`handlers of S1 and S2 compute for ${longMs} ms`, async () => {
          const answers = await Promise.all([
            exchange(url, compute(longMs), { headers: key('S1') }),
            exchange(url, compute(longMs), { method: 'POST', body: 'x', headers: key('S2') }),
          ]);
          for (const answer of answers)
            if (answer.status !== 200) unmet.push(`a computing request was answered ${ending(answer)}`);
        });
        await load.answered(300);
        const between = await generationsOf(cluster);
        const replaced = replacedBetween(before, between);
        if (replaced.length > 0) unmet.push(`workers of ${replaced.join(', ')} were replaced`);
        ({ pid: stalledPid } = await workerOf(cluster, 'S3'));
        await fault('a handler of S3 computes for a minute', async () => {
          stalledAt = now();
          const answer = await exchange(url, compute(60_000), {
            method: 'POST',
            body: 'x',
            headers: key('S3'),
          });
          if (ending(answer) !== '502 outcome_unknown')
            unmet.push(`the request that stalled was answered ${ending(answer)}`);
          await cluster.untilHealthy();
        });
        await Promise.all([load.answered(300), delay(500)]);
        const after = await generationsOf(cluster);
        if (startsOf('S3', between, after) !== 1)
          unmet.push(`S3 had ${startsOf('S3', between, after)} new workers`);
        const others = replacedBetween(between, after, ['S3']);
        if (others.length > 0) unmet.push(`workers of ${others.join(', ')} were replaced`);
      },
    );
    const { verdict, records, ledger } = run;
    const stray = records.filter((record) => {
      if (isSuccess(finalResult(record))) return false;
      const ran = ledger.filter(({ id }) => id === record.id);
      const beside = owner(record.key) === 'S3' && ran.every(({ pid }) => pid === stalledPid);
      return !beside || endedAt(record) < stalledAt;
    });
    unmet.push(...strayFailures(stray, 'did not run beside the handler that stalled'));
    if (verdict.slowestMs >= maxMs) unmet.push(`an answer took ${Math.round(verdict.slowestMs)} ms`);
    return {
      rows: [{ what: `handlers that block their worker for ${longMs} ms, and past the stall`, verdict }],
      unmet: [...run.unmet, ...unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])],
    };
  },
};
