import { randomUUID } from 'node:crypto';
import { badPath } from '../bad-work.ts';
import { workerOf } from '../replica-faults.ts';
import { seededRandom } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { keysOf, underLoad, unexpectedCodes } from '../stage.ts';
import { ending, exchange } from './exchange.ts';
import { generationsOf, replacedBetween } from './generations.ts';

const replicas = 3;
const rejections = 30;
/** Every answer must take less than this, in ms. */
const maxMs = 3000;

export const carelessHandlers: Scenario = {
  name: 'careless-handlers',
  description:
    `${rejections} handlers cause an unhandled rejection after they have answered: no worker ends and ` +
    'nothing fails. Then a handler of each replica in turn causes an uncaught exception after it has ' +
    'answered: its worker takes nothing new, finishes what it holds and is replaced. Every request ends in ' +
    `2xx within ${maxMs} ms.`,
  run: async (context) => {
    const unmet: string[] = [];
    const random = seededRandom(context.seed + 2);
    const run = await underLoad(
      context,
      { gateways: 2, controllers: 1, replicas },
      async ({ cluster, load, fault }) => {
        const [url = ''] = cluster.targets;
        const before = await generationsOf(cluster);
        await fault(`${rejections} unhandled rejections`, async () => {
          const answers = await Promise.all(
            Array.from({ length: rejections }, () =>
              exchange(url, badPath(`careless-${randomUUID()}`, 'leaves-rejection'), { method: 'POST' }),
            ),
          );
          const bad = answers.find(({ status }) => status !== 200);
          if (bad !== undefined) unmet.push(`a careless request was answered ${ending(bad)}`);
          await load.answered(300);
        });
        const replaced = replacedBetween(before, await generationsOf(cluster));
        if (replaced.length > 0)
          unmet.push(`workers of ${replaced.join(', ')} were replaced after a rejection`);
        for (const replica of await cluster.desired()) {
          const { generation } = await workerOf(cluster, replica);
          await fault(`an uncaught exception on ${replica}`, async () => {
            const answer = await exchange(url, badPath(`careless-${randomUUID()}`, 'leaves-exception'), {
              method: 'POST',
              headers: { 'ringpost-key': keysOf([replica], replicas, random)() },
            });
            if (answer.status !== 200) unmet.push(`a careless request was answered ${ending(answer)}`);
            await cluster.untilReplaced(replica, generation);
          });
          await load.answered(300);
        }
      },
    );
    const { verdict } = run;
    if (verdict.slowestMs >= maxMs) unmet.push(`an answer took ${Math.round(verdict.slowestMs)} ms`);
    return {
      rows: [{ what: 'unhandled rejections and uncaught exceptions of handlers', verdict }],
      unmet: [...run.unmet, ...unmet, ...unexpectedCodes(verdict, [])],
    };
  },
};
