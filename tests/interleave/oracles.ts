import { setTimeout as delay } from 'node:timers/promises';
import type { TracedEvent } from '#shared/trace/protocol-event.ts';
import { HistoryChecker, violationLine } from '../history/check-history.ts';
import type { Cluster } from './cluster.ts';
import { runIn } from './floor/sim-process.ts';
import type { SimRedis } from './floor/sim-redis.ts';
import type { Run, Sent, Traffic } from './traffic.ts';

/** A queue's lists, and all keys that are named after one request (as `tests/fixtures/keys-at-rest.ts`). */
const ofRequests =
  /:(wait|active|streams|prioritized|delayed|failed|completed)$|:[\da-f]{8}-[\da-f]{4}-|:deliveries:/;

/** What is kept after the end of a request, with a time to live. */
const kept = /:(request|kept-reply|kept|moved|letter|idempotency):/;

/** Codes that promise that the request did not begin. */
const neverBegan = new Set(['no_replica', 'starting', 'not_begun', 'over_capacity', 'cancelled']);

/** @returns what is left in Redis of requests, although all of them have ended. */
export async function faultsAtRest(redis: SimRedis): Promise<string[]> {
  const left: string[] = [];
  for (const key of await redis.keys())
    if (ofRequests.test(key) && !(kept.test(key) && (await redis.isKept(key))))
      left.push(`the key ${key} is left`);
  return left;
}

/** @returns what was wrong with the requests of a schedule that is over. */
export async function faultsOf(traffic: Traffic, cluster: Cluster): Promise<string[]> {
  const faults = traffic.requests.flatMap((sent) => faultsOfAnswers(sent, runsOf(sent, traffic), traffic));
  for (const sent of traffic.requests.filter(({ state }) => state === 'accepted'))
    faults.push(...(await faultsOfRecord(sent, traffic, cluster)));
  const shared = traffic.runs.filter(({ of }) => of === -1);
  if (shared.length > 1) faults.push(`the requests of one idempotency key ran ${shared.length} times`);
  return [...faults, ...faultsOfOrder(traffic)];
}

/** @returns which rules of `docs/protocol-trace.md` the protocol trace of a schedule does not meet. */
export function faultsOfHistory(
  traced: readonly { readonly source: string; readonly line: string }[],
): string[] {
  const checker = new HistoryChecker();
  for (const { source, line } of traced) {
    // Only traces write them.
    checker.add({ ...(JSON.parse(line) as TracedEvent), source });
  }
  return checker.end().violations.map((violation) => `the protocol trace breaks ${violationLine(violation)}`);
}

/** Requests in order begin in the order in which one gateway has taken them. */
function faultsOfOrder({ requests, runs }: Traffic): string[] {
  const faults: string[] = [];
  const begun = runs.flatMap(({ of }) => {
    const sent = requests[of];
    return sent?.kind.name === 'ordered-post' ? [sent] : [];
  });
  for (const [at, second] of begun.entries())
    for (const first of begun.slice(at + 1))
      if (first.n < second.n && first.key === second.key && first.gateway === second.gateway)
        faults.push(`request ${second.n} (${second.kind.name}) began before request ${first.n}`);
  return faults;
}

function runsOf(sent: Sent, { runs }: Traffic): Run[] {
  return runs.filter(({ of, requestId }) => (of === -1 ? requestId === sent.id : of === sent.n));
}

function faultsOfAnswers(sent: Sent, runs: readonly Run[], traffic: Traffic): string[] {
  const { n, kind, answers, state } = sent;
  const faults: string[] = [];
  const name = `request ${n} (${kind.name})`;
  if (kind.once && runs.length > 1) faults.push(`${name} ran ${runs.length} times`);
  if (answers.length > 1) faults.push(`${name} was told ${answers.join(' and ')}`);
  if (state === 'told' && answers.length === 0) faults.push(`${name} was told nothing`);
  for (const answer of answers) faults.push(...faultsOfAnswer(name, answer, runs, traffic));
  return faults;
}

function faultsOfAnswer(name: string, answer: string, runs: readonly Run[], traffic: Traffic): string[] {
  if (answer.startsWith('thrown') || answer === 'internal') return [`${name} was told ${answer}`];
  if (neverBegan.has(answer) && runs.length > 0)
    return [`${name} was told ${answer}, but ran ${runs.length} times`];
  const [, number] = /^(?:200|503) run (\d+)$/.exec(answer) ?? [];
  if (number === undefined) return [];
  const run = traffic.runs[Number(number)];
  if (run === undefined || !runs.includes(run)) return [`${name} was told the answer of another request`];
  if (run.superseded) return [`${name} was told the answer of run ${run.n}, whose worker was superseded`];
  return [];
}

async function faultsOfRecord(sent: Sent, traffic: Traffic, cluster: Cluster): Promise<string[]> {
  const { n, kind, id, cancel } = sent;
  const name = `request ${n} (${kind.name})`;
  const [first] = cluster.gateways;
  if (id === undefined || first === undefined) return [`${name} has no id`];
  const { process, gateway } = first;
  const known = await runIn(process, () => retried(() => gateway.find(id)));
  if (known === undefined) return [`${name} was accepted, but nothing is known of it`];
  const { state } = known.record;
  const runs = traffic.runs.filter(({ requestId }) => requestId === id);
  const faults: string[] = [];
  if (!['done', 'failed', 'cancelled', 'expired'].includes(state)) faults.push(`${name} stays ${state}`);
  if (kind.once && runs.length > 1) faults.push(`${name} ran ${runs.length} times`);
  if (typeof cancel === 'object' && runs.some((run) => run.n >= cancel.runs && run.attempt > cancel.attempts))
    faults.push(`${name} began after it was cancelled`);
  if (state === 'done') {
    const answer = (await runIn(process, () => retried(() => gateway.answerOf(known)))) ?? 'nothing';
    const [, number] = /^run (\d+)$/.exec(answer) ?? [];
    const run = number === undefined ? undefined : traffic.runs[Number(number)];
    if (run !== undefined) faults.push(...faultsOfAnswer(name, `200 ${answer}`, runs, traffic));
  }
  return faults;
}

/** The gateway may be connecting anew. */
async function retried<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (tries === 30) throw error;
      await delay(100);
    }
  }
}
