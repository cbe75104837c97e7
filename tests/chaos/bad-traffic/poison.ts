import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { badPath } from '../bad-work.ts';
import type { BadKind } from '../bad-work.ts';
import { now } from '../clock.ts';
import { readLedger } from '../ledger.ts';
import { endedAt, sentAt } from '../record.ts';
import type { RequestRecord } from '../record.ts';
import { seededRandom } from '../random.ts';
import type { Scenario } from '../scenario.ts';
import { keysOf, ownerAmong, underLoad, unexpectedCodes } from '../stage.ts';
import { ending, exchange } from './exchange.ts';
import { generationsOf, replacedBetween, startsOf } from './generations.ts';
import { sendAsync, fetchView, stateOf, untilFinal } from './handed-over.ts';
import { judgePoisons, maxDeaths } from './poison-verdict.ts';
import type { Poison } from './poison-verdict.ts';

const replicas = 3;
const owner = ownerAmong(replicas);
/** Answers of replicas without a poison request must take less than this, in ms. */
const maxElsewhereMs = 2000;
/**
 * Three deaths and restarts with their back-off (0, 1 and 2 s), and the wait while the poison request runs
 * isolated, in ms.
 */
const maxBesideMs = 15_000;
/** The heap of each process, in MiB. It is small so that a handler fills it soon. */
const heapMb = 192;

interface Killer {
  readonly kind: BadKind;
  readonly replica: string;
  readonly isAsync: boolean;
  readonly what: string;
}

const killers: readonly Killer[] = [
  { kind: 'exits', replica: 'S1', isAsync: false, what: 'process.exit' },
  { kind: 'kills-itself', replica: 'S2', isAsync: true, what: 'SIGKILL, async' },
  { kind: 'eats-memory', replica: 'S3', isAsync: false, what: 'heap full' },
];

export const poison: Scenario = {
  name: 'poison',
  description:
    'A GET whose handler calls `process.exit(1)`, an async request whose handler sends SIGKILL to its own ' +
    'process, and a GET whose handler fills the heap, one on each of three replicas, under 64 ' +
    'connections. Each causes at most three deaths, all of its own replica. It is answered 502 ' +
    '`worker_died`, or ends as `failed` with it, and never runs again. Every GET of the load ends in 2xx. ' +
    'Only POSTs that were running beside it at its first death end in 502 `outcome_unknown`; no answer of ' +
    `another replica takes ${maxElsewhereMs} ms, and no answer at all takes ${maxBesideMs} ms.`,
  run: async (context) => {
    const poisons: (Poison & { readonly from: number; readonly to: number })[] = [];
    const notes: string[] = [];
    const unmet: string[] = [];
    const random = seededRandom(context.seed + 2);
    const run = await underLoad(
      context,
      {
        gateways: 2,
        controllers: 1,
        replicas,
        settings: { NODE_OPTIONS: `--max-old-space-size=${heapMb}` },
      },
      async ({ cluster, load, fault }) => {
        const [url = ''] = cluster.targets;
        for (const { kind, replica, isAsync, what } of killers) {
          const id = `poison-${randomUUID()}`;
          const headers = { 'ringpost-key': keysOf([replica], replicas, random)() };
          const before = await generationsOf(cluster);
          let end = '';
          const { from, to } = await fault(`${what} on ${replica}`, async () => {
            const path = badPath(id, kind);
            end = isAsync
              ? stateOf(await untilFinal(await sendAsync(url, path, headers), 30_000))
              : ending(await exchange(url, path, { headers }));
            await cluster.untilHealthy();
          });
          poisons.push({ id, replica, from, to });
          const after = await generationsOf(cluster);
          const deaths = startsOf(replica, before, after);
          const others = replacedBetween(before, after, [replica]);
          if (end !== (isAsync ? 'failed worker_died' : '502 worker_died'))
            unmet.push(`${what}: it ended with ${end}`);
          if (deaths > maxDeaths) unmet.push(`${what}: ${replica} had ${deaths} new workers`);
          if (others.length > 0) unmet.push(`${what}: workers of ${others.join(', ')} were replaced`);
          notes.push(`${what}: ${deaths} deaths in ${Math.round(to - from)} ms, ${end}`);
          await load.answered(200);
        }
      },
    );
    const { verdict, records, ledger } = run;
    unmet.push(...judgePoisons(poisons, records, ledger, owner));
    const elsewhere = longest(records, poisons, (key, replica) => owner(key) !== replica);
    const beside = longest(records, poisons, (key, replica) => owner(key) === replica);
    if (elsewhere >= maxElsewhereMs) unmet.push(`an answer of another replica took ${elsewhere} ms`);
    if (beside >= maxBesideMs) unmet.push(`an answer of the poison's replica took ${beside} ms`);
    notes.push(`slowest answer elsewhere ${elsewhere} ms`);
    return {
      rows: [{ what: `${killers.length} poison GETs, one after the other`, verdict, note: notes.join('; ') }],
      unmet: [...run.unmet, ...unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])],
    };
  },
};

/** @returns the time of the slowest answer among requests that ran at the same time as a poison, in ms. */
function longest(
  records: readonly RequestRecord[],
  poisons: readonly { readonly replica: string; readonly from: number; readonly to: number }[],
  concerns: (key: string, replica: string) => boolean,
): number {
  const times = poisons.flatMap(({ replica, from, to }) =>
    records
      .filter((record) => concerns(record.key, replica) && sentAt(record) <= to && endedAt(record) >= from)
      .map((record) => endedAt(record) - sentAt(record)),
  );
  return Math.round(times.reduce((most, time) => Math.max(most, time), 0));
}

/** The request ends within this time after a `DELETE`, in ms. */
const cancelledWithinMs = 10_000;

export const poisonCancelled: Scenario = {
  name: 'poison-cancelled',
  description:
    'An async GET that ends its worker is cancelled by `DELETE` after the first death. It ends as ' +
    `\`cancelled\` within ${cancelledWithinMs} ms, and runs at most once more.`,
  run: async (context) => {
    const id = `poison-${randomUUID()}`;
    const key = keysOf(['S2'], replicas, seededRandom(context.seed + 2))();
    let note = '';
    const unmet: string[] = [];
    const run = await underLoad(
      context,
      { gateways: 2, controllers: 1, replicas, load: { connections: 32 } },
      async ({ cluster, fault }) => {
        const runs = async (): Promise<number> =>
          (await readLedger(cluster.ledgerDirectory)).filter((line) => line.id === id).length;
        await fault('a poison on S2, and DELETE', async () => {
          const [url = ''] = cluster.targets;
          const asked = now();
          const accepted = await sendAsync(url, badPath(id, 'exits'), { 'ringpost-key': key });
          while ((await runs()) === 0 && now() - asked < 5000) await delay(10);
          const deleted = now();
          await fetch(accepted.self, { method: 'DELETE' }).then((answer) => answer.body?.cancel());
          const end = stateOf(await untilFinal(accepted, cancelledWithinMs));
          const ms = Math.round(now() - deleted);
          await cluster.untilHealthy();
          // If the request runs again, the next worker, which is ready, has started it by then.
          await delay(1000);
          const count = await runs();
          const last = stateOf(await fetchView(accepted));
          if (end !== 'cancelled' || last !== 'cancelled') unmet.push(`it ended as ${end}, now ${last}`);
          if (count > 2) unmet.push(`it was run ${count} times`);
          note = `${end} after ${ms} ms and ${count} runs`;
        });
      },
    );
    const { verdict, records, ledger } = run;
    unmet.push(...judgePoisons([{ id, replica: 'S2' }], records, ledger, owner));
    return {
      rows: [{ what: 'a poison GET cancelled', verdict, note }],
      unmet: [...run.unmet, ...unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])],
    };
  },
};
