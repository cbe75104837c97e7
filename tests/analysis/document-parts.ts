import type { CommandLine } from './command-line.ts';
import { span } from './recovery.ts';
import type { Call } from './endpoints.ts';
import { atFirstSize, sweepSizes } from './results.ts';
import type { Results, StrategyResult } from './results.ts';
import { median, spreadOf } from './spread.ts';
import {
  killCells,
  killColumns,
  medianCells,
  milliseconds,
  speedCells,
  speedColumns,
  spreadCells,
  spreadColumns,
  table,
  whole,
} from './tables.ts';

/** The meaning of the tables' columns. */
export const kinds = `| column | is |
| --- | --- |
| expected | what the ring gives each replica, in the order S1, S2 …: exact, or simulated for bounded strategies |
| most / average, least / average | the load of the most and least loaded replica; 1 is perfectly even |
| variation | the standard deviation of the replicas' loads, divided by the average; 0 is perfectly even |
| χ² (limit) | the distance between measured and expected (not even) load; by chance it exceeds the limit in one of a hundred runs |
| p50, p99 | from sending a request to its complete answer |
| errors | requests that did not end in 2xx, by code |
| recovery | median time from kill -9 of a worker to the first answer to a request for one of its keys that was sent after the kill |`;

/** A-3: the endpoints, and recovery from a kill. */
export function recoveryText({ calls, strategies }: Results, { rate }: CommandLine): string {
  const [own] = strategies;
  const kills = own === undefined ? [] : atFirstSize(own).kills;
  const keys = median(kills.map(({ keysMs }) => keysMs));
  return `## A-3: endpoints, and a replica that dies

Each endpoint with the assignment's examples and with calls that must fail, in this order, on one system
with S1, S2 and S3. Answers are shown as sent; \`/add\` answers when the new replicas are ready.

${table(['call', 'status', 'ms', 'answer'], calls.map(callCells))}

### kill -9

The worker of each replica in turn is killed with SIGKILL under ${whole(rate)} requests/s. The controller
sees it end and starts another one with the same name and queue. No key moves: requests of the dead worker
wait in its queue until its replacement answers them, and the other replicas go on.

![Bars: answers in each tenth of a second around the kill, by replica](charts/analysis-a3.svg)

${table(
  ['killed', ...killColumns],
  [
    ...kills.map((kill) => [kill.victim, ...killCells(kill)]),
    [`**median of ${kills.length}**`, ...medianCells(kills)],
  ],
)}

| column | is, from the kill on |
| --- | --- |
| all workers ready | until the replacement takes jobs, as its lease in Redis says |
| all N answer | until each of the N replicas has answered a request that was sent after the kill |
| its keys answered | until the first answer to a request for a key of the killed replica that was sent after the kill |
| slowest answer | the longest time from sending to answer of a request around the kill |
| requests around it | sent in the ${span.before} ms before the kill and the ${span.after} ms after it; in the last row their sum |
| errors | those that did not end in 2xx; in the last row their sum |

The median time until the killed replica's keys were answered again was ${milliseconds(keys)} ms. The
requests are GETs, which may run twice, so the replacement runs them again. [Reliability](reliability.md)
covers POSTs and many other faults.`;
}

function callCells({ request, status, ms, answer }: Call): string[] {
  // A pipe would end the cell, even within code.
  const code = (text: string): string => (text === '' ? '(empty)' : `\`${text.replaceAll('|', '\\|')}\``);
  return [code(request), String(status), milliseconds(ms), code(answer)];
}

/** A-4: A-1, A-2 and the kill again with other hashes. */
export function strategiesText({ strategies }: Results): string {
  return `## A-4: other hashes

| strategy | is |
| --- | --- |
| assignment, linear | the assignment's own: probing goes on to the next slot |
| assignment, quadratic | the same hash functions, probing in triangular steps (1, 3, 6 …) |
| murmur3 | MurmurHash3 of the request id, and of name and number for 160 virtual nodes per replica; ringpost's default |
| …, bounded | consistent hashing with bounded loads on that ring, done by the analysis client; **not a feature of ringpost** |

### A-1 again, N = 3

![Bars: requests of each replica for each strategy, measured beside expected](charts/analysis-a4-requests.svg)

${table(
  ['strategy', ...spreadColumns, ...speedColumns],
  strategies.map((result) => {
    const { run, kills } = atFirstSize(result);
    return [result.strategy.title, ...spreadCells(run), ...speedCells(run, kills)];
  }),
)}

${probingText(strategies)}

### A-2 again, N = ${sweepSizes[0]} to ${sweepSizes.at(-1) ?? ''}

![Lines: average load and its band for each strategy](charts/analysis-a4-loads.svg)

![Lines: the most loaded replica in averages, by N, for each strategy](charts/analysis-a4-spread.svg)

![Lines: requests in a second and p99, by N, for each strategy](charts/analysis-a4-speed.svg)

${table(
  ['strategy', 'N', ...spreadColumns, ...speedColumns],
  strategies.flatMap(({ strategy, sizes }) =>
    sizes.map(({ run, kills }) => [
      strategy.title,
      String(run.replicas.length),
      ...spreadCells(run),
      ...speedCells(run, kills),
    ]),
  ),
)}

### Recovery again, N = 3

![Circles: how long the keys of a killed worker waited, for each strategy](charts/analysis-a4-recovery.svg)

Medians, except for the last two columns, which are sums.

${table(
  ['strategy', 'kills', ...killColumns],
  strategies.map((result) => {
    const { kills } = atFirstSize(result);
    return [result.strategy.title, String(kills.length), ...medianCells(kills)];
  }),
)}

The time until a new worker is ready does not depend on the hash: it is the start of a process, and it
varies with the machine. The hash decides how many requests wait meanwhile. With a bound, requests of a dead
replica go elsewhere as soon as it holds more than its share, which under this light load is one or two
requests. So some of its keys are answered almost at once, and only those few wait for its next worker
(*slowest answer*). The price is that a key no longer always goes to the same replica, which is the purpose
of the ring.`;
}

/** The effect of probing on the spread, with the measured values. */
function probingText(strategies: readonly StrategyResult[]): string {
  const most = (id: string): string => {
    const result = strategies.find(({ strategy }) => strategy.id === id);
    return result === undefined ? '' : spreadOf(atFirstSize(result).run.counts).mostToMean.toFixed(2);
  };
  return `Probing matters only for a virtual node whose slot is taken, which is rare. With N = 2 and 3, both
ways give every replica the same share. From N = 4 on some replicas swap shares, but never S1, which keeps
the long arc (${most('linear')} and ${most('quadratic')} times the average here).
The bound removes the excess of S1 (${most('linear-bounded')}), but the excess goes to the replicas behind
it on the ring, unevenly. murmur3 is nearly even by itself (${most('murmur3')}); the rest is that 160 points
per replica do not divide a circle into equal parts. With the bound it reaches ${most('murmur3-bounded')}.`;
}
