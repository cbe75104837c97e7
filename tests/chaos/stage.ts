import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRing, defaultParameters } from '#shared/ring/strategies.ts';
import { now } from './clock.ts';
import { Cluster } from './cluster.ts';
import type { ClusterOptions } from './cluster.ts';
import { readLedger } from './ledger.ts';
import type { LedgerLine } from './ledger.ts';
import { Load } from './load.ts';
import type { LoadOptions } from './load.ts';
import { seededRandom } from './random.ts';
import { checkedLine, checkProtocol, SuiteTrace, traceFolder, unmetRules } from './protocol.ts';
import type { Random } from './random.ts';
import { finalResult, isSuccess } from './record.ts';
import type { RequestRecord } from './record.ts';
import type { ScenarioContext } from './scenario.ts';
import { judge } from './verdict.ts';
import type { Finding, Verdict } from './verdict.ts';

/** A fault that was injected. */
export interface Fault {
  readonly what: string;
  /** Ms since the epoch. `to` is when the suite had undone the fault, or had seen the system recover. */
  readonly from: number;
  readonly to: number;
}

/** What a scenario can use while the load runs. */
export interface Stage {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly random: Random;
  /**
   * Injects a fault and records it.
   * @param act injects it; resolves when the fault is over.
   */
  fault(what: string, act: () => Promise<void>): Promise<Fault>;
}

/** Everything that was observed in a run. */
export interface Run {
  readonly records: readonly RequestRecord[];
  readonly ledger: readonly LedgerLine[];
  readonly faults: readonly Fault[];
  readonly verdict: Verdict;
  readonly unmet: string[];
}

export interface StageOptions extends ClusterOptions {
  readonly load?: Partial<LoadOptions>;
  /** Whether idempotent requests may be refused. */
  readonly mayRefuse?: boolean;
  /** Whether workers die so often that a request of the load may count as a poison request. */
  readonly mayMistakeForPoison?: boolean;
  /** Whether the scenario itself judges which POSTs may have run twice. */
  readonly mayDouble?: boolean;
  /** How many requests are answered before `act` is called; 200 by default. */
  readonly warmUp?: number;
}

/**
 * Starts a cluster, keeps it under load while `act` injects faults, waits until all requests have ended, and
 * judges the run. It checks what every run has to meet: nothing is lost, no unsafe request runs twice, every
 * idempotent request is answered, and the queues are empty in the end.
 */
export async function underLoad(
  { workshop, folder, seed, settings }: ScenarioContext,
  options: StageOptions,
  act: (stage: Stage) => Promise<void>,
): Promise<Run> {
  const cluster = await Cluster.start(workshop, folder, {
    ...options,
    settings: { PROTOCOL_TRACE: traceFolder(folder), ...settings, ...options.settings },
  });
  const isGroup = options.redis === 'sentinel' || options.redis === 'cluster';
  const trace = new SuiteTrace(traceFolder(folder), isGroup);
  const random = seededRandom(seed);
  const faults: Fault[] = [];
  const unmet: string[] = [];
  let alive: ReadonlySet<number> = new Set();
  const load = new Load({
    targets: cluster.targets,
    connections: 64,
    random: seededRandom(seed + 1),
    workMs: 200,
    trace,
    ...options.load,
  });
  const startedAt = now();
  try {
    load.start();
    await load.answered(options.warmUp ?? 200);
    await act({
      cluster,
      load,
      random,
      fault: async (what, does) => {
        const from = now();
        workshop.say(`    +${((from - startedAt) / 1000).toFixed(1)} s  ${what}`);
        trace.fault(what, false);
        await does().finally(() => trace.fault(what, true));
        const fault = { what, from, to: now() };
        faults.push(fault);
        return fault;
      },
    }).catch((error: unknown) => {
      // The requests up to this point are judged nevertheless.
      unmet.push(error instanceof Error ? error.message : String(error));
    });
    await load.stop();
    const ended = now();
    const left = await cluster.leftInQueues();
    const emptyAfter = now() - ended;
    if (emptyAfter > 5000)
      workshop.say(`    the queues were empty ${Math.round(emptyAfter)} ms after the last answer`);
    if (left.length > 0) unmet.push(`the queues still hold ${left.join(', ')}`);
    const refused = await cluster.store.refused();
    if (refused.length > 0) unmet.push(`Redis has refused ${refused.join(', ')}`);
  } finally {
    await load.stop();
    alive = new Set(cluster.gateways.map(({ program }) => program.pid));
    await cluster.stop();
    trace.close();
  }
  const { records } = load;
  const ledger = await readLedger(cluster.ledgerDirectory);
  const verdict = judge(records, ledger);
  // Another release may write no trace, or another one.
  if (options.checkoutOf === undefined) {
    const protocol = checkProtocol(traceFolder(folder), alive);
    workshop.say(`    ${checkedLine(protocol)}`);
    await writeFile(join(folder, 'protocol.json'), JSON.stringify(protocol, undefined, 1));
    unmet.push(...unmetRules(protocol, ledger.length));
  }
  unmet.push(
    ...alwaysUnmet({
      ...verdict,
      ...(options.mayRefuse ? { idempotentFailed: [] } : {}),
      ...(options.mayMistakeForPoison ? { mistakenForPoison: [] } : {}),
      ...(options.mayDouble ? { doubled: [] } : {}),
    }),
  );
  await writeFile(join(folder, 'evidence.json'), evidence({ records, ledger, faults, verdict, unmet }));
  return { records, ledger, faults, verdict, unmet };
}

/** @returns sentences on what no fault excuses. */
export function alwaysUnmet({ lost, doubled, idempotentFailed, mistakenForPoison }: Verdict): string[] {
  const say = (what: string, findings: readonly Finding[]): string[] =>
    findings.length === 0
      ? []
      : [
          `${findings.length} ${what}: ${findings
            .slice(0, 3)
            .map(({ id, why }) => `${id} (${why})`)
            .join('; ')}${findings.length > 3 ? ' …' : ''}`,
        ];
  return [
    ...say('lost', lost),
    ...say('unsafe done twice', doubled),
    ...say('idempotent not answered with 2xx', idempotentFailed),
    ...say('mistaken for a poison request', mistakenForPoison),
  ];
}

/** @returns what is needed to investigate the findings: their requests, their executions and the faults. */
function evidence({ records, ledger, faults, verdict, unmet }: Run): string {
  const ids = new Set(
    [verdict.lost, verdict.doubled, verdict.idempotentFailed, verdict.mistakenForPoison]
      .flatMap((findings) => findings.map(({ id }) => id))
      .concat(verdict.broken.done, verdict.broken.notDone)
      .concat(slowest(records, 5))
      .concat(
        records
          .filter((record) => !isSuccess(finalResult(record)))
          .slice(0, 200)
          .map(({ id }) => id),
      ),
  );
  return JSON.stringify(
    {
      unmet,
      faults,
      findings: [...verdict.lost, ...verdict.doubled, ...verdict.idempotentFailed],
      requests: records.filter(({ id }) => ids.has(id)),
      executions: ledger.filter(({ id }) => ids.has(id)),
    },
    undefined,
    1,
  );
}

function slowest(records: readonly RequestRecord[], count: number): string[] {
  const time = ({ attempts }: RequestRecord): number =>
    (attempts.at(-1)?.ended ?? 0) - (attempts[0]?.sent ?? 0);
  return records
    .toSorted((a, b) => time(b) - time(a))
    .slice(0, count)
    .map(({ id }) => id);
}

/** @returns a function that says which of S1 to S<count> owns a key on the ring of a new namespace. */
export function ownerAmong(count: number): (key: string) => string | undefined {
  const ring = createRing(
    defaultParameters('murmur3', {}),
    Array.from({ length: count }, (_, at) => ({ name: `S${at + 1}`, joined: at + 1, weight: 1 })),
  );
  return (key) => ring.owner(key);
}

/** @returns a function that makes keys which these replicas own, on a ring of S1 to S<count>. */
export function keysOf(replicas: readonly string[], count: number, random: Random): () => string {
  const owner = ownerAmong(count);
  return () => {
    for (;;) {
      const key = `key-${random.between(0, 999_999)}`;
      if (replicas.includes(owner(key) ?? '')) return key;
    }
  };
}

/** @returns sentences on failures with codes that the scenario does not allow. */
export function unexpectedCodes({ failed }: Verdict, allowed: readonly string[]): string[] {
  return [...failed]
    .filter(([code]) => !allowed.includes(code))
    .map(([code, count]) => `${count} requests ended with ${code}`);
}
