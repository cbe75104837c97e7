import { setTimeout as delay } from 'node:timers/promises';
import { rm, writeFile } from 'node:fs/promises';
import { mustChangeReplicas } from '../admin.ts';
import { brokenFile } from '../ledger.ts';
import { now } from '../clock.ts';
import { seededRandom } from '../random.ts';
import { endedAt, sentAt } from '../record.ts';
import { signalIfThere, workerOf } from '../replica-faults.ts';
import type { Scenario } from '../scenario.ts';
import { keysOf, ownerAmong, underLoad, unexpectedCodes } from '../stage.ts';
import type { Run } from '../stage.ts';
import { recoveryMs, slowestBetween } from '../verdict.ts';

const replicas = 3;
const owner = ownerAmong(replicas);
const failoverMs = 2000;
/** The failover, plus the controller's next check and the delay of a busy adopter, in ms. */
const maxMs = failoverMs + 2000;
/**
 * Once the worker is back, it first runs what the dead worker held, and each request takes at most 200 ms.
 */
const maxBackMs = 2000;

export const adoption: Scenario = {
  name: 'adoption',
  description:
    'kill -9 of a worker whose replacements fail to start. After `FAILOVER_MS` (2 s) live workers consume ' +
    `its queue: no answer to a request that the dead worker did not hold takes ${maxMs} ms. A GET that it ` +
    `held may have killed it, so no other replica runs it. It is answered within ${maxBackMs} ms after ` +
    'its own worker is back. Every GET ends in 2xx, a POST in 2xx or 502 `outcome_unknown`. When its ' +
    'worker can start again, it takes its keys back.',
  run: async (context) => {
    let victimPid = 0;
    let newPid = 0;
    let killedAt = 0;
    let startableAt = 0;
    let backAt = 0;
    const run = await underLoad(
      context,
      { gateways: 2, controllers: 1, replicas },
      async ({ cluster, load, fault }) => {
        const broken = brokenFile(cluster.ledgerDirectory, 'S2');
        ({ pid: victimPid } = await workerOf(cluster, 'S2'));
        await fault('kill -9 worker S2, which cannot start again', async () => {
          await writeFile(broken, '');
          killedAt = now();
          process.kill(victimPid, 'SIGKILL');
          await Promise.all([load.answered(1500), delay(2 * failoverMs)]);
          startableAt = now();
          await rm(broken);
          await cluster.untilHealthy();
        });
        backAt = now();
        ({ pid: newPid } = await workerOf(cluster, 'S2'));
        await load.answered(600);
      },
    );
    const { verdict, records, ledger } = run;
    const unmet = [...run.unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])];
    const held = heldAt(killedAt, victimPid, run);
    const others = records.filter(({ id }) => !held.has(id));
    const slowest = slowestBetween(others, killedAt, startableAt);
    if (slowest >= maxMs) unmet.push(`an answer took ${Math.round(slowest)} ms while S2 was down`);
    const suspects = records.filter(({ id, method }) => held.has(id) && method === 'GET');
    const late = Math.round(Math.max(0, ...suspects.map((record) => endedAt(record) - backAt)));
    if (late >= maxBackMs) unmet.push(`a GET that the worker held ended ${late} ms after S2 was back`);
    const adopted = ledger.filter(({ id, pid }) => held.has(id) && pid !== victimPid && pid !== newPid);
    if (adopted.length > 0) unmet.push(`another replica ran ${adopted[0]?.id}, which the worker held`);
    const own = new Set(records.filter(({ key }) => owner(key) === 'S2').map(({ id }) => id));
    const waited = records.filter(
      (record) =>
        own.has(record.id) &&
        !held.has(record.id) &&
        sentAt(record) > killedAt &&
        sentAt(record) < killedAt + failoverMs,
    );
    if (waited.some((record) => endedAt(record) > startableAt))
      unmet.push('requests of S2 waited until its worker was back: no replica adopted its queue');
    const later = new Set(records.filter((record) => sentAt(record) > backAt + 500).map(({ id }) => id));
    const elsewhere = ledger.filter(({ id, pid }) => own.has(id) && later.has(id) && pid !== newPid);
    if (elsewhere.length > 0)
      unmet.push(`${elsewhere.length} requests of S2 ran elsewhere although its worker was back`);
    return {
      rows: [
        {
          what: 'a worker killed that cannot start again',
          verdict,
          recoveryMs: recoveryMs(records, killedAt, ({ key }) => owner(key) === 'S2'),
          note: `${waited.length} requests waited in its queue, ${suspects.length} GETs for its own worker`,
        },
      ],
      unmet,
    };
  },
};

/**
 * @returns the ids of the requests that the process held at that time. Either it had started them, or they
 * were delivered to it but not started, and a later worker ran them as their second attempt.
 */
function heldAt(time: number, pid: number, { records, ledger }: Run): ReadonlySet<string> {
  const ran = Map.groupBy(ledger, ({ id }) => id);
  const held = records.filter((record) => {
    const [first] = ran.get(record.id) ?? [];
    return endedAt(record) > time && first !== undefined && (first.pid === pid || first.attempt > 1);
  });
  return new Set(held.map(({ id }) => id));
}

export const removedWhileBusy: Scenario = {
  name: 'removed-while-busy',
  description:
    '`/rm` of a replica with a long queue, and kill -9 of its worker while it drains. Another worker ' +
    'drains the rest: every GET ends in 2xx, a POST in 2xx or 502 `outcome_unknown`, and the replica is ' +
    'removed completely in the end.',
  run: async (context) => {
    const random = seededRandom(context.seed + 2);
    const ofVictim = keysOf(['S2'], replicas, random);
    let waiting = 0;
    const run = await underLoad(
      context,
      {
        gateways: 2,
        controllers: 1,
        replicas,
        settings: { CONCURRENCY: '6' },
        load: {
          connections: 128,
          key: () => (random.next() < 0.7 ? ofVictim() : `key-${random.between(0, 999_999)}`),
        },
      },
      async ({ cluster, load, fault }) => {
        await fault('/rm S2, then kill -9 of its worker', async () => {
          waiting = await cluster.waitingFor('S2');
          await mustChangeReplicas(cluster.targets[0] ?? '', 'rm', ['S2']);
          signalIfThere((await workerOf(cluster, 'S2')).pid, 'SIGKILL');
          await cluster.untilForgotten('S2');
        });
        await load.answered(300);
      },
    );
    const { verdict, faults, records } = run;
    const [fault] = faults;
    return {
      rows: [
        {
          what: 'a replica removed, and its worker killed while it drained',
          verdict,
          recoveryMs: fault && recoveryMs(records, fault.from, ({ key }) => owner(key) === 'S2'),
          note: `${waiting} requests waited in its queue`,
        },
      ],
      unmet: [...run.unmet, ...unexpectedCodes(verdict, ['outcome_unknown'])],
    };
  },
};
