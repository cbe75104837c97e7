import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { badPath } from '../bad-work.ts';
import { now } from '../clock.ts';
import { readLedger } from '../ledger.ts';
import { Load } from '../load.ts';
import { peakMb } from '../memory.ts';
import { Proxied } from '../proxied.ts';
import { binaryOf, haproxy, nginx } from '../proxy.ts';
import type { Proxy } from '../proxy.ts';
import { seededRandom } from '../random.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { judge } from '../verdict.ts';
import type { Verdict } from '../verdict.ts';
import { ending, exchange } from './exchange.ts';
import { openClients } from './leaving-clients.ts';

const servers = 3;
const largeBytes = 16 * 1024 * 1024;
const parallel = 40;
const leaving = 330;

/** A kind of bad traffic against a proxy. */
interface Trial {
  readonly name: string;
  readonly what: string;
  /** What it repeats of the scenarios of ringpost; the subject of the description's first sentence. */
  readonly repeats: string;
  readonly connections: number;
  /** @returns a note. */
  act(proxied: Proxied, load: Load): Promise<string>;
}

const trials: readonly Trial[] = [
  {
    name: 'poison',
    what: 'a poison GET',
    repeats: 'A GET that ends its server, as in `poison`,',
    connections: 64,
    act: async (proxied, load) => {
      const answer = await exchange(proxied.url, badPath(`poison-${randomUUID()}`, 'exits'), {
        headers: { 'ringpost-key': 'poison' },
      });
      await load.answered(500);
      const deaths = [...proxied.deaths].map(([name, count]) => `${name} ${count}`);
      return `process.exit: deaths of ${deaths.toSorted().join(', ')}; ${ending(answer)}`;
    },
  },
  {
    name: 'giant-answers',
    what: 'giant answers and clients that leave or read nothing',
    repeats: 'The clients of `vanishing-clients`, `giant-answers` and `slow-readers`, as far as they apply,',
    connections: 16,
    act: async (proxied, load) => {
      const path = (bytes: number): string => badPath(`giant-${randomUUID()}`, 'giant', bytes);
      await Promise.all(Array.from({ length: parallel }, () => exchange(proxied.url, path(largeBytes))));
      const streams = await openClients([proxied.url], leaving, () => ({
        path: badPath(`stream-${randomUUID()}`, 'drips'),
      }));
      const readers = await openClients([proxied.url], parallel, () => ({
        path: path(largeBytes),
        reads: false,
      }));
      await delay(2000);
      streams.leave();
      const next = await exchange(proxied.url, `/${randomUUID()}`);
      readers.leave();
      await load.answered(200);
      const peak = await peakMb(await processesOf(proxied.proxyPid));
      return (
        `next GET after ${leaving} left ${Math.round(next.ms)} ms; ` +
        `at most ${peak} MiB in a process of the proxy`
      );
    },
  },
];

function scenarioOf(proxy: Proxy, trial: Trial): Scenario {
  return {
    name: `${proxy.name}-${trial.name}`,
    description:
      `${trial.repeats} against ${proxy.name} in front of ${servers} servers. ` +
      'What it loses is counted, not judged.',
    missing: () => (binaryOf(proxy) === undefined ? `${proxy.name} is not installed` : undefined),
    run: async (context) => {
      const { verdict, note } = await underProxiedLoad(context, proxy, trial);
      return { rows: [{ what: `${proxy.name}: ${trial.what}`, verdict, note }], unmet: [] };
    },
  };
}

async function underProxiedLoad(
  { workshop, folder, seed }: ScenarioContext,
  proxy: Proxy,
  { what, connections, act }: Trial,
): Promise<{ readonly verdict: Verdict; readonly note: string }> {
  const proxied = await Proxied.start(workshop, folder, proxy, { servers, restarts: true });
  const load = new Load({
    targets: [proxied.url],
    connections,
    random: seededRandom(seed + 1),
    workMs: 200,
  });
  const startedAt = now();
  let note = '';
  try {
    load.start();
    await load.answered(200);
    workshop.say(`    +${((now() - startedAt) / 1000).toFixed(1)} s  ${what}`);
    note = await act(proxied, load);
  } finally {
    await load.stop();
    await proxied.stop();
  }
  return { verdict: judge(load.records, await readLedger(proxied.ledgerDirectory)), note };
}

/** @returns the pids of a process and its children. */
async function processesOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=']);
  const pairs = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return [pid, ...pairs.flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []))];
}

export const proxiedBadTraffic: readonly Scenario[] = trials.flatMap((trial) =>
  [haproxy, nginx].map((proxy) => scenarioOf(proxy, trial)),
);
