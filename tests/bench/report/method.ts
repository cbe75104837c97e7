import { summarise } from '../numbers.ts';
import type { Results } from '../results.ts';
import { warmUpConnections } from '../run-plan.ts';
import type { Sample } from '../sample.ts';
import { table } from './table.ts';

/** What was measured, how, and on what. */
export function method({ machine, plan, date, samples, growth }: Results): string {
  const { rounds, warmUpSeconds, matchSeconds, seconds } = plan;
  const { processors, model, memoryMb, system, versions, loadBefore } = machine;
  return `One gateway, three workers, and the server between them, each a real process, and the load generator, all on one
machine over loopback. The client asks \`GET /w/<id>\`, with an id that no other request has; the worker counts it and
answers with that id. Every system has the same work and, unless it is a proxy of its own, the same HTTP server in front
(Fastify). Only the one whose turn it is runs, with a new and empty store.

- **In turns.** ${rounds} rounds, in each all systems one after the other (A B C A B C). Shown is the median of the rounds, and the
  least and most in parentheses. A ratio is taken within each round, between what ran a short time apart.
- **Warm-up.** ${warmUpSeconds} s of wrk on ${warmUpConnections} connections when a system has started, then ${matchSeconds} s before each measurement of ${seconds} s on as many
  connections as it has.
- **Load.** wrk, keep-alive, no pipelining, ${threadsNote}. Its latencies are corrected for what was not sent while an
  answer was late, as wrk does by itself.
- **Every answer is checked, in every measured run.** wrk runs a script that gives each request its id, and counts an answer
  only if it is 200 and names an id that this thread has asked for and that was not answered before: a foreign or second
  answer, one that is missing, or a failed connection is a fault. wrk does not say on which connection an answer came;
  so that answers which are exchanged are seen as well, its four threads have ids of their own (an exchange between two
  threads shows), and right before each measurement a client of the bench puts the same number of connections under load,
  waits for every answer and holds it against the request of its own connection. Workers note each id that they execute:
  after both, as many different ids have to be executed as executions there were (none doubled), at least as many as
  were answered (none made up), and at most as many as were sent; what has no answer may be no more than was under way
  when wrk hung up (none lost).
- **Processor time** is utime and stime of each process and its children in \`/proc\`, before and after, for each answer. **Redis' commands**
  are the difference of \`INFO commandstats\`, those that scripts call and those of polling included.
- **Durable** is what the documentation of each calls so, with files that reach the disk once a second where that can be
  set: Redis has \`appendonly yes\` and \`appendfsync everysec\`. Exceptions are in the list of settings.

The machine: ${processors} processors (${model}), ${memoryMb} MB, ${system}; load average before the run ${loadBefore.toFixed(2)}; ${date.slice(0, 16).replace('T', ' ')} UTC.
${othersNote([...samples, ...(growth?.points ?? []).map(({ sample }) => sample)])}All processes share those processors, the load generator among them: rates of another machine will be others, ratios less so.

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

The peers' packages are installed into \`tests/bench\` by the first run; servers that are missing are installed with apt-get
where that is allowed, and what is left out is named with the reason.`;

/** How much of the processors went to what was not measured. */
function othersNote(samples: readonly Sample[]): string {
  const summary = summarise(samples.map(({ others }) => others));
  if (summary === undefined) return '';
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return `What was not part of a measurement (the kernel, the bench itself, other programs, other machines on the same hardware) used
${percent(summary.median)} of the processors' time in the median, ${percent(summary.least)} to ${percent(summary.most)}.
`;
}
