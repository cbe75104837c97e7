import { summarise } from '../numbers.ts';
import type { Results } from '../results.ts';
import { warmUpConnections } from '../run-plan.ts';
import type { Sample } from '../sample.ts';
import { table } from './table.ts';

/** What was measured, how, and on what. */
export function method({ machine, plan, date, samples, growth }: Results): string {
  const { rounds, warmUpSeconds, matchSeconds, seconds } = plan;
  const { processors, model, memoryMb, system, versions, loadBefore } = machine;
  return `One gateway, three workers, the server between them and the load generator run on one machine over loopback, each as a
real process. The client sends \`GET /w/<id>\`, with an id that no other request has; the worker counts it and answers with
that id. Every system does the same work and, unless it is a proxy itself, has the same HTTP server in front (Fastify).
Only one system runs at a time, with a new and empty store.

- **In turns.** ${rounds} rounds; in each, all systems run one after the other (A B C A B C). Figures are the median of the rounds, with the
  least and most in parentheses. A ratio is taken within each round, between runs that were close in time.
- **Warm-up.** ${warmUpSeconds} s of wrk on ${warmUpConnections} connections when a system has started, then ${matchSeconds} s before each measurement of ${seconds} s on the same
  number of connections.
- **Load.** wrk, keep-alive, no pipelining, ${threadsNote}. wrk corrects its latencies for requests that it
  did not send while an answer was late.
- **Every answer is checked, in every measured run.** wrk runs a script that gives each request an id, and counts an answer
  only if it is 200 and has an id that the same thread sent and that was not answered before. A foreign, second or
  missing answer, or a failed connection, is a fault. wrk does not tell on which connection an answer came. To detect
  exchanged answers too, its four threads use separate ids, and right before each measurement a client of the bench
  uses the same number of connections and compares every answer with the request of its connection. Workers record each
  id that they execute. Afterwards, no id may have been executed twice (none doubled), at least as many ids must have
  been executed as were answered (none invented), and at most as many as were sent; and no more requests may be without
  an answer than were in flight when wrk stopped (none lost).
- **Processor time** is utime and stime of each process and its children in \`/proc\`, before and after, divided by the answers.
  **Redis' commands** are the difference of \`INFO commandstats\`, including those of scripts and of polling.
- **Durable** means durable by the documentation of each system, with files that reach the disk once a second if that can be
  set: Redis has \`appendonly yes\` and \`appendfsync everysec\`. Exceptions are in the list of settings.

The machine: ${processors} processors (${model}), ${memoryMb} MB, ${system}; load average before the run ${loadBefore.toFixed(2)}; ${date.slice(0, 16).replace('T', ' ')} UTC.
${othersNote([...samples, ...(growth?.points ?? []).map(({ sample }) => sample)])}All processes share those processors, including the load generator: another machine has other rates, and similar ratios.

${table(
  ['program', 'version'],
  Object.entries(versions).map(([name, version]) => [name, version]),
)}`;
}

const threadsNote = `four threads, or one for one connection`;

/** How this file is made. */
export const repeat = `Written by \`npm run bench\`. Do not edit it; run it again:

\`\`\`sh
npm run bench -- --quick                             # under ten minutes
npm run bench -- --json bench.json                   # five rounds of all systems, forty minutes
npm run bench -- --growth --json growth.json         # what a request costs when the system grows, over an hour
npm run bench -- --from bench.json,growth.json --report docs/performance.md   # this file
npm run bench -- --only ringpost,textbook --connections 64   # a part; --list names the systems
\`\`\`

The first run installs the peers' packages into \`tests/bench\`. Missing servers are installed with apt-get where that is
allowed; systems that are left out are named with the reason.`;

/** How much of the processors went to what was not measured. */
function othersNote(samples: readonly Sample[]): string {
  const summary = summarise(samples.map(({ others }) => others));
  if (summary === undefined) return '';
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return `Everything that was not measured (the kernel, the bench itself, other programs, other machines on the same hardware) used
${percent(summary.median)} of the processors' time in the median, ${percent(summary.least)} to ${percent(summary.most)}.
`;
}
