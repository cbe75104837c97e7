import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../clock.ts';
import { here, PartedNetwork } from '../partition/network.ts';
import { judgeIsland } from '../partition/window.ts';
import type { Parting } from '../partition/window.ts';
import { isSuccess } from '../record.ts';
import type { Attempt, RequestRecord } from '../record.ts';
import type { Outcome, Scenario, ScenarioContext } from '../scenario.ts';
import { underLoad, unexpectedCodes } from '../stage.ts';
import type { Run } from '../stage.ts';
import { recoveryMs } from '../verdict.ts';
import type { Finding } from '../verdict.ts';

/** A kind of several servers, of which the master is cut off. */
interface Partition {
  readonly name: string;
  readonly redis: 'sentinel' | 'cluster';
  /** Further lines of the configuration of Redis. */
  readonly lines: readonly string[];
  readonly master: string;
  /** Whether a master that is cut off refuses writes by itself. */
  readonly guarded: boolean;
}

const partitions: readonly Partition[] = [
  {
    name: 'sentinel-partition',
    redis: 'sentinel',
    lines: ['min-replicas-to-write 1', 'min-replicas-max-lag 2'],
    master: 'A master with `min-replicas-to-write 1` and `min-replicas-max-lag 2`',
    guarded: true,
  },
  {
    name: 'sentinel-partition-unguarded',
    redis: 'sentinel',
    lines: [],
    master: 'A master without `min-replicas-to-write`',
    guarded: false,
  },
  {
    name: 'cluster-partition',
    redis: 'cluster',
    lines: [],
    master: 'A master of a Cluster of six nodes',
    guarded: true,
  },
];

const leaseMs = 3000;
const partedMs = 10_000;
/** The other side must work again this long after it has a master, in ms. The leases have to run out. */
const backWithinMs = 8000;
/** A guarded master refuses all writes this long after it is cut off, in ms. */
const refusesWithinMs = 4000;
/** The targets of the load, as the gateways are numbered. */
const island = 0;
const mainland = 1;

/** A master that is cut off from its replicas, from what watches it and from a part of the clients. */
export const partition: readonly Scenario[] = partitions.map((each) => ({
  name: each.name,
  description:
    `${each.master} is cut off for ${partedMs / 1000} s by network namespaces, together with a gateway, ` +
    'the leading controller, all workers and a part of the clients. The other servers, a gateway and a ' +
    'controller are on the other side, which elects another master and starts other workers. On the side ' +
    `that is cut off no request begins once the leases (${leaseMs / 1000} s) have run out, nor after ` +
    'the other side has begun one of the same replica. Every GET ends in 2xx, a POST in 2xx or 502 ' +
    '`outcome_unknown`. A POST may run twice only if it began on the side that was cut off; the note ' +
    'counts these.' +
    (each.guarded ? ` The master refuses all writes from ${refusesWithinMs / 1000} s after the cut.` : ''),
  missing: () => PartedNetwork.missing(),
  run: (context) => play(context, each),
}));

async function play(context: ScenarioContext, tried: Partition): Promise<Outcome> {
  const network = PartedNetwork.create();
  try {
    let parted = Number.NaN;
    let replaced = Number.POSITIVE_INFINITY;
    const run = await underLoad(
      context,
      {
        gateways: 2,
        controllers: 2,
        replicas: 3,
        redis: tried.redis,
        group: { lines: tried.lines, host: (at) => (at === 0 ? network.island : network.mainland) },
        side: (_, at) => (at === island ? network.island : here),
        settings: { LEASE_MS: String(leaseMs) },
        mayDouble: true,
      },
      async ({ cluster, load, fault }) => {
        await cluster.store.noteMaster?.();
        await fault('part the network', async () => {
          network.part();
          // From here on nothing passes, so all renewals of leases were sent before.
          parted = now();
          await cluster.store.untilReplaced?.();
          replaced = now();
          await delay(parted + partedMs - now());
          network.join();
        });
        await cluster.untilHealthy();
        await Promise.all([load.answered(1000), delay(3000)]);
      },
    );
    const [parting] = run.faults;
    if (parting === undefined) throw new Error('the network was not parted');
    return judgeParting(tried, run, { ...parting, parted, replaced });
  } finally {
    network.close();
  }
}

function judgeParting({ redis, master, guarded }: Partition, run: Run, parting: Parting): Outcome {
  const { records, ledger, verdict } = run;
  const { from, to, replaced } = parting;
  const { inWindow, outside, overlapping, lastBegunMs } = judgeIsland(records, ledger, parting);
  const answered = sentToIsland(records, from, to, ({ result }) => isSuccess(result));
  const tooLate = guarded ? sentToIsland(records, from + refusesWithinMs, to - 500, wasTaken) : [];
  const recovery =
    recoveryMs(records, replaced, (_, { target }) => target === mainland) ?? Number.POSITIVE_INFINITY;
  const notes = [
    `another master after ${((replaced - from) / 1000).toFixed(1)} s`,
    `${answered.length} requests answered that were sent to the side that was cut off, where the last one ` +
      `began after ${Math.round(lastBegunMs)} ms`,
    `POSTs done twice in the window: ${inWindow.length}, outside of it: ${outside.length}`,
  ];
  return {
    rows: [{ what: `${redis}: ${master}`, verdict, recoveryMs: recovery, note: notes.join('; ') }],
    unmet: [
      ...run.unmet,
      ...unexpectedCodes(verdict, ['outcome_unknown']),
      ...said('unsafe done twice outside of the window', outside),
      ...said('begun after the other side had begun requests of the same replica', overlapping),
      ...(lastBegunMs > leaseMs ? [`a request began ${Math.round(lastBegunMs)} ms after the cut`] : []),
      ...(tooLate.length > 0
        ? [`${tooLate.length} requests taken by a master that was cut off, e.g. ${tooLate[0]?.id}`]
        : []),
    ],
    late:
      recovery > backWithinMs ? [`the other side worked again only after ${Math.round(recovery)} ms`] : [],
  };
}

/** @returns the requests with such a send to the gateway on the island between two moments. */
function sentToIsland(
  records: readonly RequestRecord[],
  from: number,
  to: number,
  holds: (attempt: Attempt) => boolean,
): RequestRecord[] {
  return records.filter(({ attempts }) =>
    attempts.some((each) => each.target === island && each.sent >= from && each.sent < to && holds(each)),
  );
}

const wasTaken = ({ result }: Attempt): boolean => !(result.kind === 'answer' && result.status === 503);

function said(what: string, findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  const examples = findings.slice(0, 3).map(({ id, why }) => `${id} (${why})`);
  return [`${findings.length} ${what}: ${examples.join('; ')}`];
}
