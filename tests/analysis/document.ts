import { bound } from './bounded.ts';
import type { CommandLine } from './command-line.ts';
import { kinds, recoveryText, strategiesText } from './document-parts.ts';
import { atFirstSize, sweepSizes } from './results.ts';
import type { Results } from './results.ts';
import { fitOf, spreadOf } from './spread.ts';
import {
  percent,
  replicaTable,
  speedCells,
  speedColumns,
  spreadCells,
  spreadColumns,
  table,
  whole,
} from './tables.ts';

/** Where and when it was measured. */
export interface Machine {
  readonly processors: number;
  /** The load average when it began: how busy the machine was with other things. */
  readonly load: number;
  /** Version of Node. */
  readonly node: string;
  readonly day: Date;
}

/** @returns the document, in Markdown. All numbers in it come from these results. */
export function document(results: Results, asked: CommandLine, machine: Machine): string {
  const parts = [
    opening(results, asked, machine),
    firstText(results),
    sweepText(results),
    recoveryText(results, asked),
  ];
  return `${[...parts, strategiesText(results), methodText(results, asked)].join('\n\n')}\n`;
}

/** @returns a chart in the text. */
function chart(name: string, what: string): string {
  return `![${what}](charts/analysis-${name}.svg)`;
}

function opening({ first: run, strategies }: Results, asked: CommandLine, machine: Machine): string {
  const own = spreadOf(run.counts);
  const runs = [run, ...strategies.flatMap(({ sizes }) => sizes.map((size) => size.run))];
  const kills = strategies.flatMap(({ sizes }) => sizes.flatMap((size) => size.kills));
  return `# Analysis of the load balancer assignment

<!-- Written by \`${asked.command}\`. Do not edit it; run it again. -->

Written by \`${asked.command}\` on ${machine.day.toISOString().slice(0, 10)}, on a machine with ${machine.processors} processors that ran everything
(client, gateway, Redis, workers), with Node ${machine.node}. The load average before the start was ${machine.load.toFixed(1)}. Do not edit it; run it again:

\`\`\`sh
npm ci && npm run analysis                # this document and its charts; some minutes
npm run analysis -- --seed 1              # the same request ids, and so the same counts, each time
npm run analysis -- --quick               # few requests; writes no document
\`\`\`

What the assignment calls a server is a replica here, and a virtual server a virtual node.

In short: ${whole(asked.requests)} requests to three replicas gave S1 ${percent((run.counts[0] ?? 0) / asked.requests)} of them, ${own.mostToMean.toFixed(2)} times the average. This is
not an error of the measurement: the assignment's two hash functions imply it, as computed beforehand. Another way of
probing does not change it; a bound on the load removes most of it, and another hash function nearly all. Of the ${whole(runs.reduce((sum, { requests }) => sum + requests, 0))}
requests that were counted ${failed(runs)}. Workers were killed ${kills.length} times, and of the ${whole(kills.reduce((sum, { requests }) => sum + requests, 0))} requests around that ${failed(kills)}.`;
}

function failed(runs: readonly { readonly failures: ReadonlyMap<string, number> }[]): string {
  const count = runs.flatMap((run) => [...run.failures.values()]).reduce((sum, each) => sum + each, 0);
  return count === 0 ? 'none failed' : `${whole(count)} failed`;
}

function firstText({ first: run, slotUse, strategies }: Results): string {
  const { chiSquare, limit } = fitOf(run.counts, run.shares);
  const [own] = strategies;
  const other = strategies.find(({ strategy }) => strategy.id === 'murmur3');
  const kills = own === undefined ? [] : atFirstSize(own).kills;
  return `## A-1: ${whole(run.requests)} requests, N = ${run.replicas.length}

\`RING=assignment RING_PROBING=linear\`: 512 slots, nine virtual nodes each, H(i) = i² + 2i + 17 and Φ(i,j) = i² + j² + 2j + 25.

${chart('a1', 'Bars: requests of S1, S2 and S3, measured beside expected')}

${replicaTable(run)}

*Expected* is exact: the project's ring was asked for the owner of each request id from 100000 to 999999. The *standard
deviation* is that of ${whole(run.requests)} independent draws with this share (binomial); chance mostly stays within two of
them. All replicas together: χ² = ${chiSquare.toFixed(2)}; chance alone takes it above ${limit.toFixed(2)} in one of a hundred runs. So the counts ${chiSquare <= limit ? 'agree with the expectation' : '**do not agree with the expectation**'}.

${table([...spreadColumns.slice(2), ...speedColumns], [[...spreadCells(run).slice(2), ...speedCells(run, kills)]])}

The columns are explained under [A-2](#a-2-n--2-to-6); recovery is that of [A-3](#a-3-endpoints-and-a-replica-that-dies).

### Why S1 has nearly everything

- H(i) = (i + 1)² + 16: squares. Of the ${slotUse.slots} slots all request ids together reach ${slotUse.requested}.
- Φ(i,j) = i² + (j + 1)² + 24: small squares. The ${run.replicas.length * 9} virtual nodes of S1 to S${run.replicas.length} are all in the slots ${slotUse.first} to ${slotUse.last}.
- After slot ${slotUse.last} there is no virtual node until slot ${slotUse.first}, the first of ${slotUse.ownerOfArc}: ${slotUse.longestArc} of ${slotUse.slots} slots
  with ${percent(slotUse.shareOfArc)} of the requests belong to that one virtual node.

Virtual nodes even the load out only if they are spread over the whole ring, as by a hash function that mixes its
input. With murmur3, ringpost's default, 160 virtual nodes each and everything else the same:

${other === undefined ? '' : replicaTable(atFirstSize(other).run)}`;
}

function sweepText({ strategies: [own] }: Results): string {
  const last = own?.sizes.at(-1)?.run;
  if (own === undefined || last === undefined) return '';
  return `## A-2: N = ${sweepSizes[0]} to ${sweepSizes.at(-1) ?? ''}

One system that grows by \`POST /add\`, ${whole(last.requests)} requests at each size. Then it shrinks again by \`DELETE /rm\`, and at
each size workers are killed as in A-3.

${chart('a2', 'Lines: average load of a replica for N = 2 to 6, with the band from the least to the most loaded one')}

${table(
  ['N', ...spreadColumns, ...speedColumns],
  own.sizes.map(({ run, kills }) => [
    String(run.replicas.length),
    ...spreadCells(run),
    ...speedCells(run, kills),
  ]),
)}

The average falls as 1/N, as it must. The most loaded replica is hardly relieved: the virtual nodes of a new replica
land beside the others, and the long empty arc behind them remains S1's. So this ring does not scale by adding replicas; ${whole(last.counts[0] ?? 0)} of
${whole(last.requests)} requests still go to S1 with N = ${last.replicas.length}.

${kinds}`;
}

function methodText(
  { first, strategies }: Results,
  { requests, connections, rate, seed }: CommandLine,
): string {
  const tested = strategies.flatMap(({ sizes }) => sizes.flatMap(({ run }) => (run.exact ? [run] : [])));
  const [own] = strategies;
  const again = own === undefined ? '' : whole(atFirstSize(own).run.perSecond);
  const beyond = tested
    .map((run) => fitOf(run.counts, run.shares))
    .filter((fit) => fit.chiSquare > fit.limit);
  return `## How it was measured

- A system is what \`npm start\` runs: a gateway with its controller, workers as local processes, a Redis of its own, all on
  loopback, all real HTTP. Each answer is counted for the replica that its \`Ringpost-Replica\` names.
- A-1, A-2 and A-4: \`GET /home\`, ${connections} requests in flight at all times, ${whole(requests)} counted after a warm-up.
  ${
    seed === undefined
      ? "The gateway draws the request ids itself, six digits as in the assignment (`HASH_KEY`'s `random`), so that another run has slightly other counts."
      : `The client draws the request ids, six digits as in the assignment, from the seed ${seed} and sends them as \`Ringpost-Key\`, the same for each strategy:
  another run has the same counts, but for bounded strategies, which depend on what ends when.`
  }
- Kills: ${whole(rate)} requests in a second, sent at that rate whether or not earlier ones were answered, so that waiting shows. The
  client draws the ids, to know their replicas.
- *Bounded* is **no feature of ringpost**. The client of the analysis is the only client and so knows all requests in flight. It
  walks the ring clockwise past replicas that hold ${bound} times the average or more, and sends the request with an id of the replica
  that it reaches. The expected values come from a simulation without any system: ${connections} requests are always in flight, and
  each is equally likely to end next. In the real system requests end in batches, many of one replica at once, so that it has
  room for many again: the measured load is usually more even than the simulated one. The bound is rounded up to whole requests,
  so the most loaded replica may come out slightly above ${bound}.
- Of the ${tested.length} runs of A-2 and A-4 whose counts are tested, χ² was above its limit in ${beyond.length}; by chance that happens in one of a hundred.
- Charts are drawn by Vega-Lite; each is beside its SVG as PNG.
- Everything shares one machine, so throughput and latency are not the limits of ringpost, and small differences mean nothing: A-1 and
  the N = ${first.replicas.length} of A-2 are the same measurement, made twice, with ${whole(first.perSecond)} and ${again} requests in a second.`;
}
