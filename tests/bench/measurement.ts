import type { LoadOptions } from './load/load.ts';
import { matched } from './load/matched.ts';
import { wrk } from './load/wrk.ts';
import type { RunPlan } from './run-plan.ts';
import type { Sample } from './sample.ts';
import { measureCosts } from './stage.ts';
import type { Stage } from './stage.ts';
import { faultsOf } from './verdict.ts';
import { isLarge } from './workload/requests.ts';
import type { RequestKind } from './workload/requests.ts';

/** One number of connections that send one kind of request. */
export interface Point {
  readonly request: RequestKind;
  readonly connections: number;
}

/**
 * Puts load on a running system until its code is compiled. Each kind of request gets the same time. Large
 * bodies beside others get only a second, since some systems have none and would be warmed up for longer.
 */
export async function warmUp(
  { running: { urls }, nextRun }: Stage,
  requests: readonly RequestKind[],
  connections: number,
  seconds: number,
): Promise<void> {
  const large = requests.filter(isLarge);
  const main = large.length === requests.length ? large : requests.filter((each) => !isLarge(each));
  // wrk needs whole seconds.
  const share = Math.max(1, Math.round(seconds / main.length));
  for (const request of requests) {
    await wrk({ urls, connections, seconds: main.includes(request) ? share : 1, run: nextRun(), request });
  }
}

/** Measures one point, and checks each answer. */
export async function measure(
  stage: Stage,
  system: string,
  round: number,
  { request, connections }: Point,
  plan: Pick<RunPlan, 'matchSeconds' | 'seconds'>,
): Promise<Sample> {
  const { running, executions, nextRun } = stage;
  const next = (seconds: number): LoadOptions => ({
    urls: running.urls,
    connections,
    seconds,
    run: nextRun(),
    request,
  });
  const first = next(plan.matchSeconds);
  const matching = await matched(first);
  const matchedExecuted = await executions.of(first.run);
  const measured = next(plan.seconds);
  const { result: load, costs } = await measureCosts(
    stage,
    () => wrk(measured),
    ({ answered }) => answered,
  );
  const executed = await executions.of(measured.run);
  return {
    system,
    round,
    request: request.name,
    connections,
    load,
    rate: load.answered / load.seconds,
    ...costs,
    matched: matching,
    executed,
    matchedExecuted,
    faults: [...faultsOf(matching, matchedExecuted, 0), ...faultsOf(load, executed, connections)],
  };
}
